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

}  // namespace
}  // namespace eventstore::log
