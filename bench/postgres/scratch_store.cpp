#include "scratch_store.hpp"

#include <utility>

#include <fmt/format.h>

#include "eventstore/postgres.hpp"
#include "postgres/months.hpp"
#include "session.hpp"

namespace eventstore::bench {

ScratchStore::ScratchStore(std::string database, std::string_view name)
    : database_(std::move(database)),
      url_(fmt::format("{}{}schema=bench_{}", database_, database_.contains('?') ? '&' : '?',
                       name)) {
  drop();
  reopen();
}

ScratchStore::~ScratchStore() {
  store_.reset();
  drop();
}

std::string ScratchStore::schema() const {
  return postgres::quote_identifier(
      must(postgres::parse_store_url(url_), "the store's URL").schema);
}

void ScratchStore::reopen(const postgres::PostgresStoreTuning& tuning) {
  store_.reset();
  const auto url = must(postgres::parse_store_url(url_), "the store's URL");
  store_ = must(postgres::PostgresStore::open(url, {}, tuning), "open");
}

void ScratchStore::vacuum() {
  const auto maintenance = must(PostgresMaintenance::open(url_), "open for maintenance");
  must(maintenance->vacuum(true), "vacuum");
}

std::string ScratchStore::month_suffix() {
  const auto connection = connect(database_);
  const auto sql = fmt::format("SELECT month FROM {}.months WHERE NOT in_default", schema());
  const auto rows = must(connection->run({.sql = sql}, patience()));
  if (rows.size() != 1) fail("the events are not of one month: the month ended; run it again");
  return postgres::Month{rows.int4(0, 0)}.suffix();
}

void ScratchStore::drop() const {
  must(connect(database_)->run_script(fmt::format("DROP SCHEMA IF EXISTS {} CASCADE", schema()),
                                      patience()));
}

}  // namespace eventstore::bench
