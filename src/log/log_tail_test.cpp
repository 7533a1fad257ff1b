#include "log/log_tail.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/hooked_file_system_test_support.hpp"
#include "log/log_store_test_support.hpp"

namespace eventstore::log {
namespace {

using test::code_of;
using test::error_of;
using test::read_everything;
using test::value_of;

// A manifest from a backup may be older than the segments: they hold acknowledged events.
TEST(LogTail, NeverRemovesASegmentWithEventsThatTheManifestDoesNotList) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 3);
  const auto old_manifest = machine.disk().contents(manifest_path("store"));
  append_large(*store, "s", 20);
  store.reset();
  const auto before = machine.disk();
  machine.disk().put(manifest_path("store"), old_manifest);

  const auto refused = error_of(machine.try_open());
  EXPECT_EQ(refused.code, ErrorCode::Corruption);
  EXPECT_NE(refused.message.find(manifest_path("store")), std::string::npos) << refused.message;
  for (const auto& path : before.files()) EXPECT_TRUE(machine.disk().exists(path)) << path;

  machine.disk().put(manifest_path("store"), before.contents(manifest_path("store")));
  EXPECT_EQ(read_everything(*machine.open()).size(), 23U);
}

// Posting files are derived: all of them may be lost. What is made anew must not fill the memory.
TEST(LogTail, MakesLostPostingFilesAsItGoes) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 60);
  while (store->step()) {
  }
  store.reset();
  std::vector<std::string> lost;
  for (const auto& path : machine.disk().files()) {
    if (path.ends_with(".post")) lost.push_back(path);
  }
  ASSERT_GT(lost.size(), 5U);
  for (const auto& path : lost) machine.disk().remove(path);

  store = value_of(machine.try_open());
  const auto made =
      std::ranges::count_if(lost, [&](const auto& path) { return machine.disk().exists(path); });
  EXPECT_GE(static_cast<std::size_t>(made) + 2, lost.size());
  EXPECT_EQ(read_everything(*store).size(), 60U);
}

// Two processes may open a store that does not exist yet at the same time.
TEST(LogTail, TakesAStoreForOneThatIsMadeWhileItLooks) {
  for (const bool read_only : {false, true}) {
    StoreOnSimulatedDisk machine;
    StoreOnSimulatedDisk::Opened other;
    HookedFileSystem files(machine.files());
    files.set_hook([&](std::string_view call, const std::string& path) {
      if (other != nullptr || call != "list" || path != "store") return;
      other = machine.open();
      append_large(*other, "s", 1);
    });
    machine.disk().put("store/LOCK", {});
    const auto opened = machine.try_open(read_only, &files);
    ASSERT_TRUE(other != nullptr);
    if (read_only) {
      EXPECT_EQ(value_of((*opened)->head()), GlobalPosition{1});
    } else {
      EXPECT_EQ(code_of(opened), ErrorCode::StoreLocked);
    }
  }
}

}  // namespace
}  // namespace eventstore::log
