#include "log/verify.hpp"

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/log_store_test_support.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::log {
namespace {

TEST(Verify, RaisesNoAlarmOverAppendsThatGoOnMeanwhile) {
  auto& machine = posix_environment();
  const test::TemporaryDirectory folder;
  const auto store =
      test::value_of(LogStore::open(machine, folder.path().string() + "/store",
                                    {.segment_bytes_max = 64 << 10}, {}, "file", nullptr));
  append_large(*store, "s", 200);
  std::jthread appending([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) append_large(*store, "s", 1);
  });
  for (int i = 0; i < 50; ++i) {
    const auto report = test::value_of(store->verify());
    for (const auto& finding : report.findings) ADD_FAILURE() << finding.message;
  }
}

// Runs begin and end anywhere in segments, and merged ones span many.
TEST(Verify, FindsNothingWrongWhereverRunsEnd) {
  for (const std::uint64_t run_events_max : {1U, 2U, 3U, 4U, 5U, 7U, 1000U}) {
    StoreOnSimulatedDisk machine(8192, run_events_max);
    auto store = machine.open();
    for (int i = 0; i < 60; ++i) {
      append_large(*store, i % 3 == 0 ? "a" : "-b", 1);
      if (i % 7 == 0) {
        while (store->step()) {
        }
      }
      if (i % 13 == 0) {
        store.reset();
        store = machine.open();
      }
    }
    for (const auto& finding : test::value_of(store->verify()).findings) {
      ADD_FAILURE() << finding.message << ", runs of " << run_events_max;
    }
    EXPECT_EQ(test::read_everything(*store).size(), 60U);
    EXPECT_EQ(test::read_stream(*store, "a").size(), 20U);
    for (const auto& notice : machine.notices()) ADD_FAILURE() << notice;
  }
}

// A store of ten streams with an event each, in segments of three events and runs of five, with the
// posting files of these; closed.
void fill(StoreOnSimulatedDisk& machine) {
  const auto store = machine.open();
  for (int i = 0; i < 10; ++i) append_large(*store, "s-" + std::to_string(i), 1);
  while (store->step()) {
  }
}

// What verify says of the second segment, of positions 4 to 6, after that kind of damage.
std::optional<AffectedStreams> affected_by(const std::string& damage, bool with_posting_files) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/5);
  fill(machine);
  const auto path = segment_path("store", 2);
  if (damage == "one frame") machine.disk().flip_bit(path, kSegmentHeaderBytes + 1500, 0);
  if (damage == "header") machine.disk().flip_bit(path, 100, 0);
  if (damage == "missing") machine.disk().remove(path);
  if (!with_posting_files) remove_posting_files(machine.disk());
  const auto report = test::value_of(machine.open_reader()->verify());
  EXPECT_EQ(report.findings.at(0).where.file, path);
  return report.findings.at(0).streams;
}

// Which streams a damaged segment had the posting files tell, whatever is damaged.
TEST(Verify, NamesTheStreamsThatAreAffected) {
  const std::vector<std::string> all = {"s-3", "s-4", "s-5"};
  for (const std::string damage : {"one frame", "header", "missing"}) {
    EXPECT_FALSE(affected_by(damage, /*with_posting_files=*/false)) << damage;
    const auto affected = affected_by(damage, /*with_posting_files=*/true);
    ASSERT_TRUE(affected) << damage;
    EXPECT_EQ(affected->names, damage == "one frame" ? std::vector<std::string>{"s-4"} : all);
    EXPECT_EQ(affected->count, affected->names.size());
  }
}

// The writer's own index of the active segment was made before the damage.
TEST(Verify, NamesTheStreamsOfTheActiveSegmentToItsWriter) {
  StoreOnSimulatedDisk machine;
  const auto store = machine.open();
  append_large(*store, "a", 1);
  append_large(*store, "b", 1);
  machine.disk().flip_bit(segment_path("store", 1), kSegmentHeaderBytes + 1500, 0);
  const auto report = test::value_of(store->verify());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings.front().where.first_position, GlobalPosition{2});
  ASSERT_TRUE(report.findings.front().streams);
  EXPECT_EQ(report.findings.front().streams->names, std::vector<std::string>{"b"});
}

// Those beside it in its frame are read as ever, and so is the rest of its segment.
TEST(Verify, AccusesNoEventButTheOneThatIsDamaged) {
  StoreOnSimulatedDisk machine(8192);
  {
    const auto store = machine.open();
    AppendRequest request;
    for (const std::string stream : {"a", "b", "c"}) {
      auto event = test::event_of(stream);
      event.data = '"' + std::string(500, 'd') + '"';
      request.events.push_back(std::move(event));
    }
    test::value_of(store->append(std::move(request)));
    append_large(*store, "s", 12);
    while (store->step()) {
    }
  }
  machine.disk().flip_bit(segment_path("store", 1), kSegmentHeaderBytes + 900, 0);
  const auto store = machine.open_reader();
  const auto report = test::value_of(store->verify());
  ASSERT_EQ(report.findings.size(), 1U);
  const auto& finding = report.findings.front();
  EXPECT_EQ(finding.where.file, segment_path("store", 1));
  EXPECT_EQ(finding.where.first_position, GlobalPosition{2});
  EXPECT_EQ(finding.where.last_position, GlobalPosition{2});
  ASSERT_TRUE(finding.streams);
  EXPECT_EQ(finding.streams->names, std::vector<std::string>{"b"});
  EXPECT_EQ(test::read_stream(*store, "a").size() + test::read_stream(*store, "c").size(), 2U);
}

// A good posting file over a segment that is damaged is no second finding.
TEST(Verify, FindsOneThingWrongWhereOneIs) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/5);
  {
    const auto store = machine.open();
    append_large(*store, "s", 12);
    while (store->step()) {
    }
  }
  machine.disk().flip_bit(segment_path("store", 2), kSegmentHeaderBytes + 1500, 0);
  const auto report = test::value_of(machine.open_reader()->verify());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings.front().where.file, segment_path("store", 2));
}

}  // namespace
}  // namespace eventstore::log
