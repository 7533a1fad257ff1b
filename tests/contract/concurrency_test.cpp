#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

constexpr std::size_t kThreads = 8;

// Runs `work` in `count` threads at once and waits for all; each is told its number.
void in_threads(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::vector<std::jthread> threads;
  threads.reserve(count);
  for (std::size_t number = 0; number < count; ++number) threads.emplace_back(work, number);
}

class Concurrency : public EngineTest {
 protected:
  // Lets kThreads racers make an append each, at the same time, round after round. Expects one
  // winner a round, and that the others fail with `loss`.
  void expect_one_winner_a_round(
      std::function<AppendRequest(std::size_t round, std::size_t racer)> make, ErrorCode loss) {
    EventStore& raced = store();
    const std::size_t rounds = scaled(200);
    std::vector<std::atomic<int>> winners(rounds);
    std::atomic<int> strange = 0;
    std::barrier start(static_cast<std::ptrdiff_t>(kThreads));
    in_threads(kThreads, [&](std::size_t racer) {
      for (std::size_t round = 0; round < rounds; ++round) {
        AppendRequest request = make(round, racer);
        start.arrive_and_wait();
        const auto result = raced.append(std::move(request));
        if (result) {
          ++winners[round];
        } else if (result.error().code != loss) {
          ++strange;
        }
      }
    });
    EXPECT_EQ(strange, 0) << "errors that are no lost race";
    EXPECT_TRUE(std::ranges::all_of(winners, [](const auto& count) { return count == 1; }));
    EXPECT_EQ(value_of(raced.head()).value, rounds);
  }

  // Expects that what was read is 1..n in order and that no append is cut at its end.
  static bool is_dense_prefix(const ReadOutcome& outcome) {
    for (std::size_t index = 0; index < outcome.events.size(); ++index) {
      if (outcome.events[index].position.value != index + 1) return false;
    }
    if (outcome.head.value != outcome.events.size()) return false;
    return outcome.events.empty() || outcome.events.back().last_of_append;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Concurrency, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Concurrency, OneOfManyRacersWinsWhereAllHaveTheSameCondition) {
  expect_one_winner_a_round(
      [](std::size_t round, std::size_t racer) {
        const auto tag = "seat:" + std::to_string(round);
        return AppendRequest{
            .events = {tagged_event_of("racer-" + std::to_string(racer), "Taken", {tag})},
            .condition = AppendCondition{Query::of({{.tags = {tag}}}), {0}}};
      },
      ErrorCode::AppendConditionFailed);
}

TEST_P(Concurrency, OneOfManyRacersWinsWhereEachMatchesTheOthersConditions) {
  // Racer n writes type Tn and refuses every other type: no two conditions are the same.
  expect_one_winner_a_round(
      [](std::size_t round, std::size_t racer) {
        const auto tag = "round:" + std::to_string(round);
        std::vector<QueryItem> others;
        for (std::size_t other = 0; other < kThreads; ++other) {
          if (other != racer)
            others.push_back({.types = {"T" + std::to_string(other)}, .tags = {tag}});
        }
        return AppendRequest{.events = {tagged_event_of("s", "T" + std::to_string(racer), {tag})},
                             .condition = AppendCondition{Query::of(std::move(others)), {0}}};
      },
      ErrorCode::AppendConditionFailed);
}

TEST_P(Concurrency, OneOfManyRacersWinsAnExpectedVersion) {
  expect_one_winner_a_round(
      [](std::size_t round, std::size_t) {
        return append_to("s", ExpectedVersion::exactly({round}));
      },
      ErrorCode::WrongExpectedVersion);
}

TEST_P(Concurrency, OneOfManyRacersWinsAStreamItOnlyChecks) {
  // Each writes its own stream and one that all check, so that only the check can tell.
  expect_one_winner_a_round(
      [](std::size_t round, std::size_t) {
        return AppendRequest{.events = {event_of("turn")},
                             .checks = {{"turn", ExpectedVersion::exactly({round})},
                                        {"never", ExpectedVersion::no_stream()}}};
      },
      ErrorCode::WrongExpectedVersion);
}

TEST_P(Concurrency, ARequestSentByManyIsWrittenOnce) {
  EventStore& raced = store();
  const std::size_t rounds = scaled(100);
  std::vector<std::atomic<int>> written(rounds);
  std::atomic<int> wrong = 0;
  std::barrier start(static_cast<std::ptrdiff_t>(kThreads));
  in_threads(kThreads, [&](std::size_t) {
    for (std::size_t round = 0; round < rounds; ++round) {
      start.arrive_and_wait();
      const auto result = raced.append({.events = {event_of("a", "T", id_of(2 * round + 1)),
                                                   event_of("b", "T", id_of(2 * round + 2))}});
      if (!result || result->first_position.value != 2 * round + 1 ||
          result->last_position.value != 2 * round + 2) {
        ++wrong;
      } else if (!result->repeated) {
        ++written[round];
      }
      start.arrive_and_wait();
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(std::ranges::all_of(written, [](const auto& count) { return count == 1; }));
  EXPECT_EQ(read_events(raced).size(), 2 * rounds);
}

TEST_P(Concurrency, PositionsAreDenseAndInTheOrderOfEachThread) {
  EventStore& shared = store();
  const std::size_t rounds = scaled(200);
  std::atomic<int> wrong = 0;
  std::atomic<std::size_t> appended = 0;
  in_threads(kThreads, [&](std::size_t number) {
    const auto own = "own-" + std::to_string(number);
    GlobalPosition last{0};
    for (std::size_t round = 0; round < rounds; ++round) {
      AppendRequest request;
      for (std::size_t index = 0; index <= round % 3; ++index) {
        request.events.push_back(event_of(index == 1 ? "common" : own));
      }
      appended += request.events.size();
      const auto size = request.events.size();
      const auto result = shared.append(std::move(request));
      if (!result || result->first_position <= last ||
          result->last_position.value - result->first_position.value + 1 != size) {
        ++wrong;
        return;
      }
      last = result->last_position;
    }
  });
  EXPECT_EQ(wrong, 0);
  const auto outcome = value_of(try_read(shared, {}));
  EXPECT_TRUE(is_dense_prefix(outcome));
  EXPECT_EQ(outcome.events.size(), appended);
  const auto common = versions_of(read_stream(shared, "common"));
  for (std::size_t index = 0; index < common.size(); ++index) ASSERT_EQ(common[index], index + 1);
}

TEST_P(Concurrency, ReadersSeeOnlyDensePrefixesOfWholeAppends) {
  EventStore& shared = store();
  const std::size_t rounds = scaled(300);
  std::atomic<std::size_t> writing = 4;
  std::atomic<int> wrong = 0;
  in_threads(4 + 3, [&](std::size_t number) {
    if (number < 4) {
      for (std::size_t round = 0; round < rounds; ++round) {
        AppendRequest request;
        for (std::size_t index = 0; index < 5; ++index) {
          request.events.push_back(event_of("s-" + std::to_string((number + index) % 6)));
        }
        if (!shared.append(std::move(request))) ++wrong;
      }
      --writing;
      return;
    }
    GlobalPosition seen{0};
    for (bool last = false; !last;) {
      last = writing == 0;
      const auto outcome = try_read(shared, {.copy = number % 2 == 0});
      if (!outcome || !is_dense_prefix(*outcome) || outcome->head < seen) ++wrong;
      if (outcome) seen = outcome->head;
    }
    if (seen.value != 4 * rounds * 5) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

TEST_P(Concurrency, StreamsAreContiguousForReadersOfOneStream) {
  EventStore& shared = store();
  const std::size_t rounds = scaled(300);
  std::atomic<std::size_t> writing = 3;
  std::atomic<int> wrong = 0;
  in_threads(3 + 2, [&](std::size_t number) {
    if (number < 3) {
      for (std::size_t round = 0; round < rounds; ++round) {
        if (!shared.append({.events = {event_of("hot"), event_of("cold"), event_of("hot")}}))
          ++wrong;
      }
      --writing;
      return;
    }
    std::size_t seen = 0;
    for (bool last = false; !last;) {
      last = writing == 0;
      const auto versions = versions_of(read_stream(shared, "hot"));
      if (versions.size() < seen || versions.size() % 2 != 0) ++wrong;
      seen = versions.size();
      for (std::size_t index = 0; index < seen; ++index) {
        if (versions[index] != index + 1) ++wrong;
      }
      const auto info = shared.stream_info("hot");
      if (!info || (seen > 0 && (!*info || (*info)->version.value < seen))) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace eventstore::test
