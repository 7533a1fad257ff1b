// Every candidate does the same job: given the same appends, all hold the same events.

#include "candidate.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "append_load.hpp"
#include "bulk.hpp"
#include "generated_events.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::bench {
namespace {

// All that the candidates keep of an event.
RecordedEvent essence_of(const EventView& view) {
  RecordedEvent event;
  event.position = view.position;
  event.version = view.version;
  event.id = view.id;
  event.stream = view.stream;
  event.type = view.type;
  event.data = view.data;
  event.metadata = view.metadata;
  event.tags.assign(view.tags.begin(), view.tags.end());
  return event;
}

RecordedEvent expected_event(const NewEvent& event, std::uint64_t position, std::uint64_t version) {
  RecordedEvent recorded;
  recorded.position.value = position;
  recorded.version.value = version;
  recorded.id = *event.id;
  recorded.stream = event.stream;
  recorded.type = event.type;
  recorded.data = event.data;
  recorded.metadata = event.metadata;
  recorded.tags = event.tags;
  return recorded;
}

std::vector<RecordedEvent> all_of(Store& store) {
  std::vector<RecordedEvent> events;
  store.reader()->read_all([&](const EventView& view) { events.push_back(essence_of(view)); });
  return events;
}

std::vector<RecordedEvent> stream_of(Store& store, const std::string& stream) {
  std::vector<RecordedEvent> events;
  store.reader()->read_stream(stream,
                              [&](const EventView& view) { events.push_back(essence_of(view)); });
  return events;
}

std::vector<RecordedEvent> events_of(const EventGenerator& generator) {
  std::vector<RecordedEvent> events;
  events.reserve(generator.events());
  for (std::uint64_t i = 0; i < generator.events(); ++i) {
    events.push_back(expected_event(generator.make(i), i + 1, generator.version_of(i)));
  }
  return events;
}

AppendRequest request_of(const std::string& stream, std::uint64_t version_before) {
  AppendRequest request;
  request.events.push_back(EventGenerator({.events = 1}).make(0));
  request.events[0].stream = stream;
  request.checks.push_back(
      {.stream = stream, .expected = ExpectedVersion::exactly({version_before})});
  return request;
}

class CandidateTest : public testing::TestWithParam<StoreKind> {
 protected:
  CandidateTest() { std::filesystem::create_directories(folder_); }
  std::unique_ptr<Store> open() const { return GetParam().open(folder_); }

 private:
  test::TemporaryDirectory directory_;
  std::filesystem::path folder_ = directory_.path() / "store";
};

TEST_P(CandidateTest, HoldsWhatABulkBrought) {
  const EventGenerator generator({.events = 25'000});
  const auto expected = events_of(generator);
  {
    const auto store = open();
    fill_store(*store, generator);
    EXPECT_TRUE(all_of(*store) == expected);
  }
  EXPECT_TRUE(all_of(*open()) == expected);
}

TEST_P(CandidateTest, ReadsAStreamByVersion) {
  const EventGenerator generator({.events = 1'000, .streams = 10});
  const auto store = open();
  fill_store(*store, generator);
  for (std::uint64_t stream = 0; stream < generator.streams(); ++stream) {
    std::vector<RecordedEvent> expected;
    expected.reserve(100);
    for (std::uint64_t version = 1; version <= 100; ++version) {
      const auto number = generator.number_of(stream, version);
      expected.push_back(expected_event(generator.make(number), number + 1, version));
    }
    const auto name = EventGenerator::stream_name(stream);
    EXPECT_TRUE(stream_of(*store, name) == expected) << name;
    EXPECT_EQ(store->reader()->stream_version(name), 100U);
  }
}

TEST_P(CandidateTest, KnowsThatThereIsNoSuchStream) {
  const auto store = open();
  auto request = request_of("a-1", 0);
  ASSERT_TRUE(store->append(request));
  for (const auto* const name : {"a", "a-", "a-11", "b"}) {
    EXPECT_EQ(store->reader()->stream_version(name), 0U) << name;
    EXPECT_TRUE(stream_of(*store, name).empty()) << name;
  }
}

TEST_P(CandidateTest, RefusesAnotherVersionThanItExpects) {
  const auto store = open();
  const auto append = [&store](std::uint64_t version_before) {
    auto request = request_of("a", version_before);
    request.events[0].id->bytes[15] = static_cast<std::byte>(version_before);
    return store->append(request);
  };
  EXPECT_FALSE(append(1));
  EXPECT_TRUE(append(0));
  EXPECT_FALSE(append(2));
  EXPECT_TRUE(append(1));
  EXPECT_EQ(all_of(*store).size(), 2U);
}

TEST_P(CandidateTest, RefusesAllOfAnAppendForOneCheck) {
  const auto store = open();
  auto request = request_of("a", 0);
  request.checks.push_back({.stream = "b", .expected = ExpectedVersion::exactly({1})});
  EXPECT_FALSE(store->append(request));
  EXPECT_TRUE(all_of(*store).empty());
}

TEST_P(CandidateTest, KeepsOneOrderOfWhatThreadsAppend) {
  const auto store = open();
  auto requests = make_requests({.threads = 8, .events_per_request = 3, .requests_per_thread = 40});
  std::vector<std::jthread> threads;
  threads.reserve(requests.size());
  for (auto& own : requests) {
    threads.emplace_back([&store, &own] {
      for (auto& request : own) EXPECT_TRUE(store->append(request));
    });
  }
  threads.clear();  // joins

  const auto events = all_of(*store);
  ASSERT_EQ(events.size(), 8U * 3 * 40);
  std::map<std::string, std::uint64_t> versions;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].position.value, i + 1);
    EXPECT_EQ(events[i].version.value, ++versions[events[i].stream]);
  }
}

TEST_P(CandidateTest, GoesOnWhereItStoppedWhenOpenedAgain) {
  for (std::uint64_t version = 0; version < 3; ++version) {
    auto request = request_of("a", version);
    request.events[0].id->bytes[15] = static_cast<std::byte>(version);
    EXPECT_TRUE(open()->append(request));
  }
  const auto events = all_of(*open());
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events.back().position.value, 3U);
  EXPECT_EQ(events.back().version.value, 3U);
}

INSTANTIATE_TEST_SUITE_P(All, CandidateTest,
                         testing::ValuesIn(store_kinds().begin(), store_kinds().end()),
                         [](const auto& kind) {
                           std::string name(kind.param.name);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace eventstore::bench
