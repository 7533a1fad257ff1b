// P7: what it costs that a store's events are spread over many months.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bulk_appends.hpp"
#include "postgres_bench.hpp"
#include "scratch_store.hpp"
#include "session.hpp"
#include "store_reads.hpp"
#include "timed_appends.hpp"

namespace eventstore::bench {
namespace {

constexpr std::uint64_t kStreamEvents = 100;

// The months up to the current one, by when events of each are recorded.
std::vector<Timestamp> times_of_months(Timestamp now, std::uint64_t count) {
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const std::chrono::year_month current = today.year() / today.month();
  std::vector<Timestamp> times;
  for (auto back = count; back-- > 0;) {
    const auto month = current - std::chrono::months(back);
    times.emplace_back(std::chrono::sys_days(month / 1));
  }
  return times;
}

// Both stores have the same events: for each month, streams of its own of 100 events, and an event
// of each of those streams that lie in all months.
class MonthsStore {
 public:
  MonthsStore(const PostgresBench& bench, std::string_view name, std::string_view candidate,
              bool spread)
      : bench_(bench), candidate_(candidate), scratch_(bench.options.database, name) {
    fill(spread);
    check_months(spread ? bench.options.scale.months : 1);
    scratch_.vacuum();
    scratch_.reopen();
    warm_up();
  }

  void append(std::size_t round) {
    const auto outcome = append_for_seconds(
        scratch_.store(),
        {.seconds = bench_.options.seconds, .prefix = fmt::format("appended-{}", round)});
    bench_.add_latencies({"P7", "appends of one event", kMedian}, candidate_, outcome.latencies);
  }

  void read_stream_in_one_month(std::size_t round) {
    const auto& scale = bench_.options.scale;
    const auto streams = scale.months * scale.streams_per_month;
    read("a stream in one month", round, streams, kStreamEvents, [](std::uint64_t picked) {
      return ReadRequest{.selector = SelectStream{stream_in_month(picked)}};
    });
  }

  void read_stream_in_all_months(std::size_t round) {
    const auto& scale = bench_.options.scale;
    read("a stream in all months", round, scale.streams_in_all_months, scale.months,
         [](std::uint64_t picked) {
           return ReadRequest{.selector = SelectStream{stream_in_all(picked)}};
         });
  }

  void read_anywhere(std::size_t round) {
    read("100 events from any position", round, events() - kStreamEvents, kStreamEvents,
         [](std::uint64_t picked) {
           return ReadRequest{.from = picked + 1, .limit = kStreamEvents};
         });
  }

 private:
  static std::string stream_in_month(std::uint64_t stream) {
    return fmt::format("month-{}", stream);
  }
  static std::string stream_in_all(std::uint64_t stream) { return fmt::format("all-{}", stream); }

  std::uint64_t events_of_month() const {
    const auto& scale = bench_.options.scale;
    return (scale.streams_per_month * kStreamEvents) + scale.streams_in_all_months;
  }
  std::uint64_t events() const { return bench_.options.scale.months * events_of_month(); }

  // The server plans a statement anew the first five times that it runs it, and each month has
  // statements of its own.
  void warm_up() {
    constexpr int kTimes = 6;
    const auto& scale = bench_.options.scale;
    for (int i = 0; i < kTimes; ++i) {
      for (std::uint64_t month = 0; month < scale.months; ++month) {
        const auto stream = stream_in_month(month * scale.streams_per_month);
        read_and_touch(scratch_.store(), {.selector = SelectStream{stream}});
        read_and_touch(scratch_.store(),
                       {.from = (month * events_of_month()) + 1, .limit = kStreamEvents});
      }
      read_and_touch(scratch_.store(), {.selector = SelectStream{stream_in_all(0)}});
    }
  }

  void fill(bool spread) {
    const auto& scale = bench_.options.scale;
    const auto connection = connect(bench_.options.database);
    const auto now = must(connection->run({.sql = "SELECT now()"}, patience())).timestamptz(0, 0);
    const auto times = times_of_months(now, scale.months);
    auto time = times.back();
    scratch_.reopen({.server_time = [&time] { return time; }});
    for (std::size_t month = 0; month < times.size(); ++month) {
      if (spread) time = times[month];
      append_all(scratch_.store(), requests_of(month));
    }
    if (must(scratch_.store().head(), "head").value != events()) fail("events are missing");
    scratch_.reopen();
  }

  // An append for each stream of the month, and one for those that lie in all.
  std::vector<AppendRequest> requests_of(std::uint64_t month) const {
    const auto& scale = bench_.options.scale;
    std::vector<AppendRequest> requests;
    for (std::uint64_t i = 0; i < scale.streams_per_month; ++i) {
      const auto stream = (month * scale.streams_per_month) + i;
      auto& request = requests.emplace_back();
      for (std::uint64_t n = 0; n < kStreamEvents; ++n) {
        request.events.push_back(generator_.make((stream * kStreamEvents) + n));
        request.events.back().stream = stream_in_month(stream);
      }
    }
    auto& last = requests.emplace_back();
    for (std::uint64_t stream = 0; stream < scale.streams_in_all_months; ++stream) {
      last.events.push_back(generator_.make((month * scale.streams_in_all_months) + stream));
      last.events.back().stream = stream_in_all(stream);
    }
    return requests;
  }

  void check_months(std::uint64_t months) const {
    const auto sql =
        fmt::format("SELECT count(*) FROM {}.months WHERE NOT in_default", scratch_.schema());
    const auto connection = connect(bench_.options.database);
    const auto found = must(connection->run({.sql = sql}, patience())).int8(0, 0);
    if (found != months) fail(fmt::format("{} months instead of {}", found, months));
  }

  template <typename MakeRequest>
  void read(std::string_view setting, std::size_t round, std::uint64_t below,
            std::uint64_t expected, const MakeRequest& make_request) {
    const auto picked = pick_numbers(round, 10'000, below);
    std::size_t turn = 0;
    const auto latencies = time_repeatedly(bench_.options.seconds, [&] {
      const auto touched =
          read_and_touch(scratch_.store(), make_request(picked[turn++ % picked.size()]));
      if (touched.events != expected) fail(fmt::format("{}: events are missing", setting));
    });
    bench_.add_latencies({"P7", setting, kMedian}, candidate_, latencies);
  }

  const PostgresBench& bench_;
  const std::string candidate_;
  const EventGenerator generator_{{.ids = false}};
  ScratchStore scratch_;
};

}  // namespace

void run_months(const PostgresBench& bench) {
  MonthsStore one(bench, "one_month", kOneMonthName, false);
  MonthsStore many(bench, "many_months", kManyMonthsName, true);
  std::vector<std::function<void(std::size_t)>> turns;
  for (auto* const store : {&one, &many}) {
    turns.emplace_back([store](std::size_t round) { store->append(round); });
    turns.emplace_back([store](std::size_t round) { store->read_stream_in_one_month(round); });
    turns.emplace_back([store](std::size_t round) { store->read_stream_in_all_months(round); });
    turns.emplace_back([store](std::size_t round) { store->read_anywhere(round); });
  }
  run_rounds(turns, bench.options.rounds);
}

}  // namespace eventstore::bench
