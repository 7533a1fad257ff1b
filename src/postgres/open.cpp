#include <utility>

#include "eventstore/postgres.hpp"
#include "postgres/postgres_state.hpp"
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
  const auto open_state_of =
      [](std::string_view url,
         const StateOptions& options) -> Result<std::unique_ptr<StateDatabase>> {
    const auto parsed = postgres::parse_store_url(url);
    if (!parsed) return std::unexpected(parsed.error());
    return postgres::PostgresState::open(*parsed, options);
  };
  for (const auto* scheme : {"postgresql", "postgres"}) {
    register_engine(scheme, open_store);
    register_state_engine(scheme, open_state_of);
  }
}

}  // namespace eventstore
