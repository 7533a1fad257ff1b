#include "log/log_follower.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/hooked_file_system_test_support.hpp"
#include "log/log_store_test_support.hpp"

namespace eventstore::log {
namespace {

using test::read_everything;
using test::value_of;

// Without a writer since the machine started a reader shows what the files hold; when one starts
// meanwhile, it goes on from what that one made durable.
TEST(LogFollower, GoesOnWhereAWriterStartsWhileItLooks) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 2);
  machine.files().restart(SimulatedFileSystem::Crash::PowerLoss);
  machine.disk().put(head_path("store"), std::vector<std::byte>(SharedPage::kBytes));

  HookedFileSystem files(machine.files());
  const auto reader = value_of(machine.try_open(/*read_only=*/true, &files));
  EXPECT_EQ(read_everything(*reader).size(), 2U);
  StoreOnSimulatedDisk::Opened writer;
  files.set_hook([&](std::string_view call, const std::string& /*path*/) {
    if (writer == nullptr && call == "size") writer = machine.open();
  });
  value_of(reader->head());
  ASSERT_TRUE(writer != nullptr);
  EXPECT_EQ(test::read_stream(*reader, "s").size(), 2U);
  EXPECT_EQ(read_everything(*reader).size(), 2U);
  append_large(*writer, "s", 1);
  EXPECT_EQ(test::read_stream(*reader, "s").size(), 3U);
}

}  // namespace
}  // namespace eventstore::log
