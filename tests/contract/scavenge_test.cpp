#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

// Freeing the space of what is deleted.
namespace eventstore::test {
namespace {

using Numbers = std::vector<std::uint64_t>;
using std::chrono::seconds;

// Streams that take turns, each event of about 10 kB, over many small segments.
class Scavenged : public EngineTest {
 protected:
  void SetUp() override { reopen(kSmall); }

  void append_large(const std::string& stream) {
    auto event = event_of(stream);
    event.data = '"' + std::string(10'000, 'x') + '"';
    value_of(store().append({.events = {std::move(event)}}));
  }
  void fill(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (const char* stream : {"a", "b"}) append_large(stream);
    }
  }
  // Ids are forgotten at once.
  ScavengeReport scavenge() { return value_of(store().scavenge({.id_retention = seconds(0)})); }
  static void expect_whole(EventStore& store) {
    for (const auto& finding : value_of(store.verify()).findings) ADD_FAILURE() << finding.message;
  }

  static inline const OpenOptions kSmall{.segment_bytes_max = 64 << 10};
};
INSTANTIATE_TEST_SUITE_P(Engines, Scavenged, testing::ValuesIn(persistent_engines()), engine_name);

TEST_P(Scavenged, LosesNothingThatIsLeft) {
  fill(20);
  value_of(store().truncate_stream("a", {16}, ExpectedVersion::any()));
  const auto lines = read_lines(store());
  const auto reader = value_of(open_reader());
  EXPECT_EQ(read_lines(*reader), lines);
  const auto report = scavenge();
  EXPECT_EQ(report.events_removed + report.events_reduced, 15U);
  EXPECT_GT(report.bytes_freed, 150'000U);
  for (auto* seen : {&store(), reader.get()}) {
    EXPECT_EQ(read_lines(*seen), lines);
    EXPECT_EQ(versions_of(read_stream(*seen, "a")), (Numbers{16, 17, 18, 19, 20}));
    expect_whole(*seen);
  }
  reopen(kSmall);
  EXPECT_EQ(read_lines(store()), lines);
  expect_whole(store());
}

TEST_P(Scavenged, KeepsTheLastVersionOfADeletedStream) {
  fill(20);
  value_of(store().delete_stream("a", ExpectedVersion::any()));
  scavenge();
  reopen(kSmall);
  EXPECT_EQ(value_of(store().stream_info("a"))->version, StreamVersion{20});
  EXPECT_EQ(value_of(store().append(append_to("a"))).streams.front().version, StreamVersion{21});
}

TEST_P(Scavenged, TakesWhatRetentionHidesOutOfEveryRead) {
  fill(20);
  value_of(store().set_retention("a", {.max_count = 2}, ExpectedVersion::any()));
  EXPECT_EQ(read_events(store()).size(), 40U);
  scavenge();
  EXPECT_EQ(versions_of(read_stream(store(), "a")), (Numbers{19, 20}));
  EXPECT_LT(read_events(store()).size(), 30U);
}

TEST_P(Scavenged, RemembersIdsForAsLongAsIsAskedFor) {
  const auto request = append_to("c", ExpectedVersion::any(), 2);
  auto with_ids = request;
  for (std::uint64_t i = 0; i < 2; ++i) with_ids.events[i].id = id_of(i + 1);
  value_of(store().append(with_ids));
  append_large("c");
  fill(10);
  value_of(store().delete_stream("c", ExpectedVersion::any()));
  EXPECT_EQ(value_of(store().scavenge({})).events_reduced, 3U);
  EXPECT_TRUE(value_of(store().append(with_ids)).repeated);
  EXPECT_EQ(scavenge().events_removed, 2U);
  EXPECT_EQ(value_of(store().append(with_ids)).streams.front().version, StreamVersion{5});
}

TEST_P(Scavenged, MeetsARepetitionOfWhatIsForgottenInPart) {
  auto request = append_to("c");
  request.events.push_back(event_of("d"));
  request.events[0].id = id_of(1);
  request.events[1].id = id_of(2);
  value_of(store().append(request));
  append_large("c");
  fill(10);
  value_of(store().truncate_stream("c", {2}, ExpectedVersion::any()));
  EXPECT_TRUE(value_of(store().append(request)).repeated);
  EXPECT_EQ(scavenge().events_removed, 1U);
  EXPECT_EQ(code_of(store().append(request)), ErrorCode::EventIdConflict);
}

TEST_P(Scavenged, TellsInADryRunWhatItWouldFree) {
  fill(20);
  value_of(store().truncate_stream("a", {16}, ExpectedVersion::any()));
  const auto reader = value_of(open_reader());
  const auto would = value_of(reader->scavenge({.dry_run = true, .id_retention = seconds(0)}));
  EXPECT_EQ(code_of(reader->scavenge({})), ErrorCode::ReadOnly);
  const auto did = scavenge();
  EXPECT_EQ(would.bytes_freed, did.bytes_freed);
  EXPECT_EQ(would.events_removed + would.events_reduced, did.events_removed + did.events_reduced);
  EXPECT_EQ(scavenge().bytes_freed, 0U);
}

TEST_P(Scavenged, CanBeStopped) {
  fill(20);
  value_of(store().truncate_stream("a", {16}, ExpectedVersion::any()));
  std::stop_source stop;
  const auto report = store().scavenge({.id_retention = seconds(0),
                                        .cancellation = stop.get_token(),
                                        .on_progress = [&](const ScavengeProgress& progress) {
                                          if (progress.position.value > 0) stop.request_stop();
                                        }});
  EXPECT_EQ(code_of(report), ErrorCode::Cancelled);
  expect_whole(store());
  EXPECT_GT(scavenge().bytes_freed, 0U);
  EXPECT_EQ(read_stream(store(), "a").size(), 5U);
}

TEST_P(Scavenged, IsReadAndWrittenToMeanwhile) {
  fill(60);
  const auto reader = value_of(open_reader());
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int round = 0; round < 60; ++round) append_large("c");
    done = true;
  });
  const auto watch = [&](EventStore& seen) {
    while (!done) {
      const auto versions = versions_of(read_stream(seen, "b"));
      ASSERT_EQ(versions.size(), 60U);
      ASSERT_TRUE(std::ranges::is_sorted(versions));
      const auto info = value_of(seen.stream_info("a"));
      ASSERT_EQ(info->version, StreamVersion{60});
      expect_whole(seen);
    }
  };
  std::thread here([&] { watch(store()); });
  std::thread elsewhere([&] { watch(*reader); });
  std::uint64_t removed = 0;
  for (std::uint64_t before = 2; before <= 60; before += 2) {
    value_of(store().truncate_stream("a", {before}, ExpectedVersion::any()));
    removed += scavenge().events_removed;
  }
  writer.join();
  here.join();
  elsewhere.join();
  EXPECT_GT(removed, 40U);
  expect_whole(store());
  expect_whole(*reader);
}

}  // namespace
}  // namespace eventstore::test
