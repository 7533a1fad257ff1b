#include <utility>

#include "eventstore/postgres.hpp"
#include "postgres/postgres_store.hpp"
#include "postgres/url.hpp"

namespace eventstore {

void register_postgres_engine() {
  const auto open_store = [](std::string_view url,
                             const OpenOptions& options) -> Result<std::unique_ptr<EventStore>> {
    const auto parsed = postgres::parse_store_url(url);
    if (!parsed) return std::unexpected(parsed.error());
    return postgres::PostgresStore::open(*parsed, options);
  };
  register_engine("postgresql", open_store);
  register_engine("postgres", open_store);
}

}  // namespace eventstore
