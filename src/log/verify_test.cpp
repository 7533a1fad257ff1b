#include "log/verify.hpp"

#include <thread>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace eventstore::log
