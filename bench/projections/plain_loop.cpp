#include "plain_loop.hpp"

#include <chrono>
#include <string>

#include "harness.hpp"

namespace eventstore::bench {
namespace {

Deadline patience() {
  return std::chrono::steady_clock::now() + std::chrono::minutes(1);
}

constexpr std::string_view kTables =
    "DROP TABLE IF EXISTS plain_counts;"
    "CREATE TABLE plain_counts (key TEXT PRIMARY KEY, count BIGINT NOT NULL, last BIGINT NOT NULL);"
    "DROP TABLE IF EXISTS plain_position;"
    "CREATE TABLE plain_position (id BIGINT PRIMARY KEY, position BIGINT NOT NULL);"
    "INSERT INTO plain_position (id, position) VALUES (1, 0)";
constexpr std::string_view kCount =
    "INSERT INTO plain_counts (key, count, last) VALUES ($1, 1, $2)"
    " ON CONFLICT (key) DO UPDATE SET count = plain_counts.count + 1, last = excluded.last";
constexpr std::string_view kMove = "UPDATE plain_position SET position = $1 WHERE id = 1";

void make_tables(StateDatabase& state) {
  const auto transaction = must(state.begin(patience()), "begin");
  must(transaction->run_script(kTables), "CREATE TABLE");
  must(transaction->commit(), "commit");
}

void count(StateDatabase& state, std::string_view key, GlobalPosition at) {
  const auto position = static_cast<std::int64_t>(at.value);
  const auto transaction = must(state.begin(patience()), "begin");
  must(transaction->run(kCount, {key, position}), "upsert");
  must(transaction->run(kMove, {position}), "update");
  must(transaction->commit(), "commit");
}

void check_counts(StateDatabase& state, std::uint64_t events) {
  const auto transaction = must(state.begin_read(patience()), "begin");
  const auto rows =
      must(transaction->run("SELECT CAST(sum(count) AS BIGINT) FROM plain_counts"), "SELECT");
  if (static_cast<std::uint64_t>(rows.integer(0, 0)) != events) fail("the loop has miscounted");
}

}  // namespace

double run_plain_loop(BenchStore& store, const PlainLoop& loop) {
  make_tables(store.state());
  std::uint64_t done = 0;
  const Stopwatch watch;
  const auto cursor = must(store.store().read({.limit = loop.events}), "read");
  for (auto events = must(cursor->next(), "read"); !events.empty();
       events = must(cursor->next(), "read")) {
    for (const auto& event : events) count(store.state(), loop.key(event), event.position);
    done += events.size();
  }
  const auto seconds = watch.seconds();
  check_counts(store.state(), done);
  return seconds;
}

}  // namespace eventstore::bench
