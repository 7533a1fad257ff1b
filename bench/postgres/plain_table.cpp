#include "plain_table.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "generated_events.hpp"
#include "postgres/copy_in.hpp"
#include "run_threads.hpp"
#include "session.hpp"

namespace eventstore::bench {
namespace {

using postgres::Call;
using postgres::Connection;
using postgres::CopyIn;
using postgres::Parameters;

constexpr std::size_t kStreamsOfConnection = 10;

// Connections that work at the same time for some seconds. `work(connection, thread)` does
// something once, and returns how many rows it stored.
template <typename Work>
double rows_a_second(const std::string& url, std::size_t connections, double seconds,
                     std::atomic<std::uint64_t>& rows, const Work& work) {
  std::vector<std::unique_ptr<Connection>> open(connections);
  const auto took =
      run_threads(connections, {.prepare = [&](std::size_t thread) { open[thread] = connect(url); },
                                .work =
                                    [&](std::size_t thread) {
                                      for (const Stopwatch watch; watch.seconds() < seconds;) {
                                        rows += work(*open[thread], thread);
                                      }
                                    }});
  return static_cast<double>(rows) / took;
}

// The columns of several events of a stream, as arrays.
class Batch {
 public:
  void add(std::string_view stream, std::uint64_t version, NewEvent event) {
    streams_.push_back(stream);
    versions_.push_back(version);
    events_.push_back(std::move(event));
  }

  Parameters parameters() const {
    const auto column = [this](auto field) {
      std::vector<std::string_view> values;
      values.reserve(events_.size());
      for (const auto& event : events_) values.push_back(event.*field);
      return values;
    };
    Parameters parameters;
    parameters.text_array(streams_).int8_array(versions_);
    parameters.text_array(column(&NewEvent::type)).bytea_array(column(&NewEvent::metadata));
    parameters.bytea_array(column(&NewEvent::data));
    return parameters;
  }

 private:
  std::vector<std::string_view> streams_;
  std::vector<std::uint64_t> versions_;
  std::vector<NewEvent> events_;
};

}  // namespace

PlainTable::PlainTable(std::string url, std::string name, Indexes indexes)
    : url_(std::move(url)), name_(std::move(name)), has_ids_(indexes == Indexes::OfAStore) {
  auto script = fmt::format(
      "DROP TABLE IF EXISTS {0}; CREATE TABLE {0} (position bigserial PRIMARY KEY, stream text"
      " COLLATE \"C\" NOT NULL, version bigint NOT NULL, type text COLLATE \"C\" NOT NULL,"
      " metadata bytea NOT NULL, data bytea NOT NULL, recorded_at timestamptz NOT NULL DEFAULT"
      " now(), UNIQUE (stream, version));",
      name_);
  if (has_ids_) {
    script += fmt::format(
        "ALTER TABLE {0} ADD COLUMN id uuid NOT NULL UNIQUE;"
        " CREATE INDEX ON {0} (type, position);"
        " CREATE INDEX ON {0} (split_part(stream, '-', 1), position);",
        name_);
  }
  must(connect(url_)->run_script(script, patience()));
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
      "'{}', '{}', '{}');\n",
      name_, event.type, event.metadata, event.data);
}

std::string PlainTable::insert() const {
  return fmt::format(
      "INSERT INTO {} (stream, version, type, metadata, data) VALUES ($1::text, $2::bigint,"
      " $3::text, $4::bytea, $5::bytea)",
      name_);
}

double PlainTable::insert_in_groups(std::size_t connections, std::size_t group, double seconds) {
  const auto sql = insert();
  const auto before = count();
  const EventGenerator generator({.ids = false});
  std::atomic<std::uint64_t> rows = 0;
  std::atomic<std::size_t> next = next_stream_;
  const auto insert_group = [&](Connection& connection, std::size_t /*thread*/) {
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
    return must(connection.run(calls, patience())).size();
  };
  const auto rate = rows_a_second(url_, connections, seconds, rows, insert_group);
  next_stream_ = next;
  expect_more(before, rows);
  return rate;
}

double PlainTable::insert_batches(std::size_t connections, std::size_t rows, double seconds) {
  const auto sql = fmt::format(
      "INSERT INTO {} (stream, version, type, metadata, data) SELECT * FROM unnest($1::text[],"
      " $2::bigint[], $3::text[], $4::bytea[], $5::bytea[])",
      name_);
  const auto before = count();
  const EventGenerator generator({.ids = false});
  const auto first_stream = std::exchange(next_stream_, next_stream_ + connections);
  std::vector<std::size_t> turns(connections);
  std::atomic<std::uint64_t> stored = 0;
  const auto insert_batch = [&](Connection& connection, std::size_t thread) {
    const auto turn = turns[thread]++;
    const auto stream =
        fmt::format("batch-{}-{}", first_stream + thread, turn % kStreamsOfConnection);
    Batch batch;
    for (std::size_t row = 0; row < rows; ++row) {
      batch.add(stream, (turn / kStreamsOfConnection * rows) + row + 1,
                generator.make((turn * rows) + row));
    }
    const Call call{.sql = sql, .parameters = batch.parameters()};
    return must(connection.run(call, patience())).affected();
  };
  const auto rate = rows_a_second(url_, connections, seconds, stored, insert_batch);
  expect_more(before, stored);
  return rate;
}

double PlainTable::copy(std::span<const AppendRequest> requests, std::size_t rows_at_once) {
  const auto sql =
      fmt::format("COPY {} (stream, version, type, metadata, data{}) FROM STDIN (FORMAT binary)",
                  name_, has_ids_ ? ", id" : "");
  const auto before = count();
  const auto connection = connect(url_);
  std::optional<CopyIn> copy;
  std::uint64_t rows = 0;
  std::uint64_t version = 0;
  std::string_view stream;
  const Stopwatch watch;
  for (const auto& request : requests) {
    for (const auto& event : request.events) {
      if (!copy) copy = must(CopyIn::begin(*connection, sql, patience()));
      version = event.stream == stream ? version + 1 : 1;
      stream = event.stream;
      copy->row(has_ids_ ? 6 : 5);
      copy->text(event.stream);
      copy->int8(version);
      copy->text(event.type);
      copy->text(event.metadata);
      copy->text(event.data);
      if (has_ids_) copy->uuid(event.id.value());
      must(copy->send_when_full());
      if (++rows % rows_at_once == 0) must(std::exchange(copy, std::nullopt)->end());
    }
  }
  if (copy) must(copy->end());
  const auto seconds = watch.seconds();
  expect_more(before, rows);
  return static_cast<double>(rows) / seconds;
}

std::uint64_t PlainTable::count() const {
  const auto sql = "SELECT count(*) FROM " + name_;
  return must(connect(url_)->run({.sql = sql}, patience())).int8(0, 0);
}

void PlainTable::expect_more(std::uint64_t before, std::uint64_t rows) const {
  const auto found = count() - before;
  if (found != rows) fail(fmt::format("{} rows were stored, and {} are there", rows, found));
}

}  // namespace eventstore::bench
