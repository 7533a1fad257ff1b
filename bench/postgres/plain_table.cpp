#include "plain_table.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "generated_events.hpp"
#include "harness.hpp"
#include "postgres/connection.hpp"
#include "run_threads.hpp"

namespace eventstore::bench {
namespace {

using postgres::Answer;
using postgres::Call;
using postgres::Connection;
using postgres::Parameters;

Deadline patience() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

template <typename T>
T must(Answer<T> answer) {
  if (!answer) fail("PostgreSQL: " + answer.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(answer);
}

std::unique_ptr<Connection> connect(const std::string& url) {
  return must(Connection::open({.uri = url}, patience()));
}

}  // namespace

PlainTable::PlainTable(std::string url, std::string name)
    : url_(std::move(url)), name_(std::move(name)) {
  must(connect(url_)->run_script(
      fmt::format(
          "DROP TABLE IF EXISTS {0}; CREATE TABLE {0} (position bigserial PRIMARY KEY, stream text"
          " NOT NULL, version bigint NOT NULL, type text NOT NULL, metadata bytea NOT NULL, data"
          " bytea NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(), UNIQUE (stream, "
          "version))",
          name_),
      patience()));
}

PlainTable::~PlainTable() {
  must(connect(url_)->run_script("DROP TABLE " + name_, patience()));
}

std::string PlainTable::insert_script() const {
  const EventGenerator generator({.ids = false});
  const auto event = generator.make(0);
  return fmt::format(
      "\\set stream random(1, 1000000000000)\n"
      "INSERT INTO {} (stream, version, type, metadata, data) VALUES ('stream-' || :stream, 1, "
      "'{}',"
      " '{}', '{}');\n",
      name_, event.type, event.metadata, event.data);
}

std::string PlainTable::insert() const {
  return fmt::format(
      "INSERT INTO {} (stream, version, type, metadata, data) VALUES ($1::text, $2::bigint, "
      "$3::text,"
      " $4::bytea, $5::bytea)",
      name_);
}

double PlainTable::insert_in_groups(std::size_t connections, std::size_t group, double seconds) {
  std::vector<std::unique_ptr<Connection>> open(connections);
  const auto sql = insert();
  const EventGenerator generator({.ids = false});
  std::atomic<std::uint64_t> rows = 0;
  std::atomic<std::size_t> next = next_stream_;
  const auto took = run_threads(
      connections,
      {.prepare = [&](std::size_t thread) { open[thread] = connect(url_); },
       .work =
           [&](std::size_t thread) {
             const Stopwatch watch;
             while (watch.seconds() < seconds) {
               std::vector<Call> calls;
               for (std::size_t row = 0; row < group / connections; ++row) {
                 const auto event = generator.make(row);
                 calls.push_back({.sql = sql,
                                  .parameters = std::move(Parameters()
                                                              .text(fmt::format("group-{}", next++))
                                                              .int8(1)
                                                              .text(event.type)
                                                              .text(event.metadata)
                                                              .text(event.data))});
               }
               rows += must(open[thread]->run(calls, patience())).size();
             }
           }});
  next_stream_ = next;
  return static_cast<double>(rows) / took;
}

}  // namespace eventstore::bench
