// P5 and P6: what reading costs, beside bare statements over the store's own tables.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bulk_appends.hpp"
#include "postgres_bench.hpp"
#include "scratch_store.hpp"
#include "session.hpp"
#include "store_reads.hpp"

namespace eventstore::bench {
namespace {

using postgres::Parameters;
using postgres::Rows;

// What the engine asks for of an event.
constexpr std::string_view kColumns =
    "position, version, id, recorded_at, occurred_at, schema_version, format, last_of_append,"
    " stream, type, tags, metadata, data";
enum Column : std::uint8_t { Position = 0, Version = 1, Metadata = 11, Data = 12 };

// Adds the rows, whose numbers have to follow each other after `last`.
void touch(const Rows& rows, Column number, std::uint64_t& last, Touched& touched) {
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.int8(row, number) != ++last) fail("a bare statement leaves out an event");
    touched.add(rows.text(row, Metadata), rows.text(row, Data));
  }
}

// A store of streams of 100 events, and a connection of one's own to its tables.
class FilledStore {
 public:
  FilledStore(const PostgresBench& bench, std::string_view name)
      : generator_({.events = bench.options.scale.read_events, .ids = false}),
        expected_(touched_by_stream(generator_)),
        scratch_(bench.options.database, name),
        connection_(connect(bench.options.database)) {
    fill_store(scratch_.store(), generator_);
    scratch_.vacuum();
    const auto table = fmt::format("{}.events_{}", scratch_.schema(), scratch_.month_suffix());
    stream_sql_ = fmt::format("SELECT {} FROM {} WHERE stream_id = $1::bigint ORDER BY version",
                              kColumns, table);
    scan_sql_ =
        fmt::format("SELECT {} FROM {} WHERE position > $1::bigint ORDER BY position LIMIT 1000",
                    kColumns, table);
  }

  EventStore& store() { return scratch_.store(); }
  const std::vector<Touched>& expected() const { return expected_; }
  Touched expected_sum() const {
    Touched sum;
    for (const auto& one : expected_) sum.add(one);
    return sum;
  }

  // The keys of all streams of the generator, in its order.
  std::vector<std::uint64_t> stream_ids() {
    const auto sql =
        fmt::format("SELECT stream_id, name FROM {}.streams ORDER BY name", scratch_.schema());
    const auto rows = must(connection_->run({.sql = sql}, patience()));
    std::vector<std::uint64_t> ids;
    for (int row = 0; row < rows.size(); ++row) {
      if (rows.text(row, 1) != EventGenerator::stream_name(ids.size())) fail("a stream is missing");
      ids.push_back(rows.int8(row, 0));
    }
    if (ids.size() != generator_.streams()) fail("streams are missing");
    return ids;
  }

  Touched select_stream(std::uint64_t id) {
    Touched touched;
    std::uint64_t version = 0;
    touch(select(stream_sql_, id), Version, version, touched);
    return touched;
  }

  Touched select_everything() {
    Touched touched;
    for (std::uint64_t position = 0;;) {
      const auto rows = select(scan_sql_, position);
      if (rows.empty()) return touched;
      touch(rows, Position, position, touched);
    }
  }

 private:
  Rows select(const std::string& sql, std::uint64_t key) {
    return must(connection_->run({.sql = sql, .parameters = Parameters().int8(key)}, patience()));
  }

  const EventGenerator generator_;
  const std::vector<Touched> expected_;
  ScratchStore scratch_;
  std::unique_ptr<postgres::Connection> connection_;
  std::string stream_sql_;
  std::string scan_sql_;
};

}  // namespace

void run_postgres_stream_reads(const PostgresBench& bench) {
  constexpr Place kPlace{"P5", "streams of 100", kMedian};
  FilledStore filled(bench, "stream_reads");
  const auto ids = filled.stream_ids();
  // The streams of a round are the same for both.
  const auto run = [&](std::string_view candidate, std::size_t round, const auto& read) {
    const auto picked = pick_numbers(round, 10'000, ids.size());
    std::size_t turn = 0;
    bench.add_latencies(kPlace, candidate, time_repeatedly(bench.options.seconds, [&] {
                          const auto stream = picked[turn++ % picked.size()];
                          expect_same(read(stream), filled.expected()[stream], candidate);
                        }));
  };
  const std::vector<std::function<void(std::size_t)>> turns = {
      [&](std::size_t round) {
        run(kEngineName, round, [&](std::uint64_t stream) {
          return read_and_touch(filled.store(),
                                {.selector = SelectStream{EventGenerator::stream_name(stream)}});
        });
      },
      [&](std::size_t round) {
        run(kSelectName, round,
            [&](std::uint64_t stream) { return filled.select_stream(ids[stream]); });
      }};
  run_rounds(turns, bench.options.rounds);
}

void run_postgres_scans(const PostgresBench& bench) {
  constexpr Place kPlace{"P6", "everything", kRate};
  FilledStore filled(bench, "scans");
  const auto expected = filled.expected_sum();
  const auto run = [&](std::string_view candidate, const auto& read) {
    std::uint64_t events = 0;
    const Stopwatch watch;
    while (watch.seconds() < bench.options.seconds) {
      const Touched touched = read();
      expect_same(touched, expected, candidate);
      events += touched.events;
    }
    bench.add_rate(kPlace, candidate, static_cast<double>(events) / watch.seconds());
  };
  const std::vector<std::function<void(std::size_t)>> turns = {
      [&](std::size_t) { run(kEngineName, [&] { return read_and_touch(filled.store(), {}); }); },
      [&](std::size_t) { run(kSelectName, [&] { return filled.select_everything(); }); }};
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
