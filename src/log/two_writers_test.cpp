#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/hooked_file_system_test_support.hpp"
#include "log/log_store_test_support.hpp"
#include "support/temporary_directory.hpp"

// Somebody removes LOCK while a store is open for writing, so that a second writer gets in.
namespace eventstore::log {
namespace {

using test::code_of;
using test::read_everything;
using test::value_of;

TEST(TwoWriters, TheFirstStopsWhenItsLockIsRemoved) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 1);
  EXPECT_FALSE(store->health().failure);
  machine.disk().remove(lock_path("store"));
  EXPECT_EQ(code_of(store->append(test::append_to("s"))), ErrorCode::ReadOnly);
  ASSERT_TRUE(store->health().failure);
  EXPECT_NE(store->health().failure->message.find("LOCK"), std::string::npos);
  EXPECT_EQ(read_everything(*store).size(), 1U);
  store.reset();
  append_large(*machine.open(), "s", 1);
}

// Whatever else is removed, and whether the first is to append, to roll or to look after its index.
TEST(TwoWriters, TheFirstWritesNothingOnceTheSecondIsThere) {
  for (const bool head_too : {false, true}) {
    for (int events_before = 0; events_before < 8; ++events_before) {
      StoreOnSimulatedDisk machine(8192, /*run_events_max=*/head_too ? 1 : 2);
      auto first = machine.open();
      append_large(*first, "first", events_before);
      machine.disk().remove(lock_path("store"));
      if (head_too) machine.disk().remove(head_path("store"));
      auto second = machine.open();
      append_large(*second, "second", 5);
      const auto expected = read_everything(*second);

      EXPECT_FALSE(first->step());
      EXPECT_EQ(code_of(first->append(test::append_to("first"))), ErrorCode::ReadOnly);
      EXPECT_EQ(code_of(first->append(test::append_to("first"))), ErrorCode::ReadOnly);
      first.reset();
      append_large(*second, "second", 4);
      second.reset();
      const auto third = machine.open();
      EXPECT_EQ(read_everything(*third).size(), expected.size() + 4);
      for (const auto& finding : value_of(third->verify()).findings) {
        ADD_FAILURE() << finding.message;
      }
    }
  }
}

// The lock file can be moved away, too.
TEST(TwoWriters, TheFirstNoticesTheSecondByThePageTheyShare) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path().string() + "/store";
  const auto first = value_of(open(path));
  append_large(*first, "s", 1);
  std::filesystem::rename(lock_path(path), path + "/LOCK.old");
  const auto second = value_of(open(path));
  append_large(*second, "s", 1);
  EXPECT_EQ(code_of(first->append(test::append_to("s"))), ErrorCode::ReadOnly);
  append_large(*second, "s", 1);
  EXPECT_EQ(read_everything(*second).size(), 3U);
}

TEST(TwoWriters, TheFirstNoticesARemovedFileOfTheRealFileSystem) {
  const test::TemporaryDirectory folder;
  const auto path = folder.path().string() + "/store";
  const auto store = value_of(open(path));
  append_large(*store, "s", 1);
  std::filesystem::remove(lock_path(path));
  EXPECT_EQ(code_of(store->append(test::append_to("s"))), ErrorCode::ReadOnly);
}

// An append that is under way just then may be lost: nobody is told that it was done.
TEST(TwoWriters, AnAppendUnderWayIsInDoubt) {
  for (const std::string_view at : {"write", "sync"}) {
    StoreOnSimulatedDisk machine(64 << 10);
    append_large(*machine.open(), "s", 1);
    HookedFileSystem files(machine.files());
    const auto first = value_of(machine.try_open(/*read_only=*/false, &files));
    StoreOnSimulatedDisk::Opened second;
    files.set_hook([&](std::string_view call, const std::string& path) {
      if (second != nullptr || call != at || !path.ends_with(".seg")) return;
      machine.disk().remove(lock_path("store"));
      second = machine.open();
    });
    EXPECT_EQ(code_of(first->append(test::append_to("s"))), ErrorCode::OutcomeUnknown);
    ASSERT_TRUE(second != nullptr);
    EXPECT_EQ(code_of(first->append(test::append_to("s"))), ErrorCode::ReadOnly);
  }
}

}  // namespace
}  // namespace eventstore::log
