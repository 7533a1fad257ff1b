#include "campaigns/compared_stores.hpp"

#include <array>
#include <utility>

#include "campaigns/postgres_servers.hpp"
#include "log/log_store.hpp"
#include "postgres/postgres_store.hpp"
#include "postgres/url.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

constexpr std::uint64_t kHistoriesOfASchema = 100;

}  // namespace

EmbeddedStore::EmbeddedStore(std::uint64_t seed, Timestamp start)
    : clock_({.start = start, .tick = std::chrono::microseconds(0)}),
      random_(seed),
      run_events_max_(1 + random_.below(40)) {}

std::unique_ptr<EventStore> EmbeddedStore::open(int segment_size) {
  constexpr std::array<std::uint64_t, 3> kSegmentBytes = {16 << 10, 32 << 10, 128 << 10};
  OpenOptions options;
  options.segment_bytes_max = kSegmentBytes.at(static_cast<std::size_t>(segment_size));
  return value_of(log::LogStore::open({.files = &files_, .clock = &clock_, .random = &random_},
                                      "store", options,
                                      {.prewrite_bytes = 4096,
                                       .run_events_max = run_events_max_,
                                       .merge_width = 2,
                                       .threads = false},
                                      "file", nullptr));
}

Pair::Hooks EmbeddedStore::hooks() {
  return {.open = [this](int segment_size) { return open(segment_size); },
          .pass_time = [this](std::chrono::hours by) { clock_.advance(by); },
          .step = [](EventStore& store) { static_cast<log::LogStore&>(store).step(); }};
}

PostgresHistories::PostgresHistories(std::string uri)
    : uri_(std::move(uri)), schema_(random_name("differential_")), connection_(connect_to(uri_)) {}

PostgresHistories::~PostgresHistories() {
  drop();
}

void PostgresHistories::drop() {
  run_sql(*connection_,
          "SET client_min_messages = warning; DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
}

// Few rows: to delete them takes less than to truncate, which makes new files for each index.
void PostgresHistories::empty() {
  std::string sql = "BEGIN;";
  for (const auto* table :
       {"events", "tags", "event_ids", "bounds", "months", "stream_months", "streams"}) {
    sql += "DELETE FROM " + schema_ + '.' + table + ';';
  }
  run_sql(*connection_, sql + "COMMIT");
}

std::unique_ptr<EventStore> PostgresHistories::open() {
  const auto url = value_of(postgres::parse_store_url(
      uri_ + "?schema=" + schema_ + "&connections=2&application_name=" + schema_));
  return value_of(
      postgres::PostgresStore::open(url, {}, {.server_time = [this] { return now_.load(); }}));
}

Pair::Hooks PostgresHistories::hooks(Timestamp start) {
  if (histories_++ % kHistoriesOfASchema == 0) {
    drop();
  } else {
    empty();
  }
  now_ = start;
  return {.open = [this](int /*segment_size*/) { return open(); },
          .pass_time = [this](std::chrono::hours by) { now_ = now_.load() + by; }};
}

}  // namespace eventstore::test
