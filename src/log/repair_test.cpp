#include "log/repair.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "log/manifest.hpp"
#include "log/repair_test_support.hpp"
#include "log/run_files.hpp"

namespace eventstore::log {
namespace {

using test::code_of;
using test::read_everything;
using test::value_of;

std::vector<std::string> posting_files(const SimulatedDisk& disk) {
  auto paths = disk.files();
  std::erase_if(paths, [](const auto& path) {
    return !path.starts_with("store/") || !path.ends_with(kPostingFileEnding);
  });
  return paths;
}

TEST(Repair, FindsNothingToDoInASoundStore) {
  Repaired store;
  store.append(12);
  store.copy();
  EXPECT_TRUE(store.must_repair().repaired.empty());
}

TEST(Repair, MendsASealedSegmentWhateverIsWrongWithIt) {
  for (const std::string damage : {"missing", "empty", "cut short", "with a bad header",
                                   "another's", "damaged", "without end", "all zeros"}) {
    Repaired store;
    store.append(12);
    store.copy();
    const auto path = segment_path("store", 2);
    if (damage == "missing") store.disk().remove(path);
    if (damage == "empty") store.disk().truncate(path, 0);
    if (damage == "cut short") store.disk().truncate(path, 5000);
    if (damage == "with a bad header") store.disk().flip_bit(path, 100, 0);
    if (damage == "another's") {
      store.disk().put(path, store.disk().contents(segment_path("store", 1)));
    }
    if (damage == "damaged") store.damage_event("store", 2, 2);
    if (damage == "without end") {
      const auto listed = value_of(load_manifest(store.machine().files(), "store")).segments[1];
      store.disk().flip_bit(path, listed.bytes - 20, 0);  // in the seal
    }
    if (damage == "all zeros") store.disk().put(path, std::vector<std::byte>(9000));

    const auto report = store.must_repair();
    ASSERT_EQ(report.repaired.size(), 1U) << damage;
    EXPECT_EQ(report.repaired.front().file, path);
    EXPECT_EQ(report.repaired.front().first_position, GlobalPosition{4});
    EXPECT_EQ(report.repaired.front().last_position, GlobalPosition{6});
  }
}

// A frame that is whole and in a wrong place is one of the copy's all the same, also where there is
// no digest yet to tell that the copy's segment is the right one.
TEST(Repair, MendsASegmentWhoseFramesStandInWrongPlaces) {
  Repaired store;
  {
    const auto writer = store.machine().open();
    append_large(*writer, "s", 12);
    store.expected() = read_everything(*writer);
  }
  store.copy();
  store.shuffle_frames(segment_path("store", 2));
  EXPECT_EQ(store.must_repair().repaired.front().file, segment_path("store", 2));
}

TEST(Repair, TakesFromTheCopyOnlyWhatIsNotWhole) {
  Repaired store;
  store.append(12);
  store.copy();
  store.damage_event("store", 2, 2);
  store.damage_event("copy", 2, 3);
  store.damage_event("copy", 2, 1);
  const auto report = store.must_repair();
  ASSERT_EQ(report.repaired.size(), 1U);
  EXPECT_LT(report.repaired.front().bytes_taken, 2000U);
}

// The copy is older: it holds the beginning of the segment that was the last one then.
TEST(Repair, KeepsWhatCameAfterTheCopyWasMade) {
  for (const bool sealed_since : {false, true}) {
    Repaired store;
    store.append(11);
    store.copy();
    store.append(sealed_since ? 5 : 1);
    store.damage_event("store", 4, 1);
    EXPECT_EQ(store.must_repair().repaired.size(), 1U);
  }
}

TEST(Repair, MendsAnActiveSegmentThatIsLost) {
  for (const std::string damage : {"missing", "empty", "with a bad header", "cut short"}) {
    Repaired store;
    store.append(11);
    store.copy();
    const auto path = segment_path("store", 4);
    if (damage == "missing") store.disk().remove(path);
    if (damage == "empty") store.disk().truncate(path, 0);
    if (damage == "with a bad header") store.disk().flip_bit(path, 100, 0);
    if (damage == "cut short") store.disk().truncate(path, 5000);
    EXPECT_EQ(store.must_repair().repaired.size(), 1U) << damage;
  }
}

TEST(Repair, LeavesWhatTheCopyLacksAndSaysSo) {
  Repaired store;
  store.append(11);
  store.copy();
  store.append(1);
  store.damage_event("store", 4, 3);  // came after the copy was made
  const auto before = store.disk().contents(segment_path("store", 4));
  const auto report = value_of(store.repair());
  EXPECT_TRUE(report.repaired.empty());
  ASSERT_EQ(report.remaining.size(), 1U);
  EXPECT_NE(report.remaining.front().message.find("up to position 11 only"), std::string::npos)
      << report.remaining.front().message;
  EXPECT_EQ(store.disk().contents(segment_path("store", 4)), before);
}

TEST(Repair, LeavesWhatIsDamagedInTheCopyToo) {
  Repaired store;
  store.append(12);
  store.copy();
  store.damage_event("store", 2, 2);
  store.damage_event("copy", 2, 2);
  store.damage_event("store", 3, 1);
  const auto report = value_of(store.repair());
  EXPECT_EQ(report.repaired.size(), 1U);  // the other segment
  ASSERT_FALSE(report.remaining.empty());
  EXPECT_NE(report.remaining.front().message.find("damaged there too"), std::string::npos);
}

// A copy that was written to has other events at the same positions.
TEST(Repair, TakesNothingOfAnotherHistory) {
  for (const bool damage_at_the_end : {false, true}) {
    Repaired store;
    store.append(10);
    store.copy();
    const auto other =
        value_of(LogStore::open(store.machine().environment(), "copy", {.segment_bytes_max = 8192},
                                {.prewrite_bytes = 1024, .threads = false}, "", {}));
    append_large(*other, "other", 2);
    store.append(damage_at_the_end ? 1 : 2);
    store.damage_event("store", 4, 2);
    const auto report = value_of(store.repair());
    EXPECT_TRUE(report.repaired.empty());
    EXPECT_FALSE(report.remaining.empty());
  }
}

TEST(Repair, RefusesACopyOfAnotherStore) {
  Repaired store;
  store.append(3);
  const auto other = value_of(
      LogStore::open(store.machine().environment(), "copy", {}, {.threads = false}, "", nullptr));
  EXPECT_EQ(code_of(store.repair()), ErrorCode::InvalidArgument);
  store.disk().remove(manifest_path("store"));
  EXPECT_EQ(code_of(store.repair()), ErrorCode::InvalidArgument);
}

TEST(Repair, LeavesAFolderAloneThatIsNoStore) {
  Repaired store;
  store.append(3);
  store.copy();
  store.disk().put("photos/a.jpg", {});
  const auto source = value_of(open_folder_source(store.machine().files(), "copy"));
  const auto calls = store.machine().files().mutating_calls();
  for (const std::string folder : {"photos", "nothing"}) {
    EXPECT_EQ(code_of(repair_log(store.machine().environment(), folder, *source, {})),
              ErrorCode::NotFound);
  }
  EXPECT_EQ(store.machine().files().mutating_calls(), calls);
}

TEST(Repair, RefusesAStoreThatSomebodyWritesTo) {
  Repaired store;
  store.append(3);
  store.copy();
  const auto writer = store.machine().open();
  EXPECT_EQ(code_of(store.repair()), ErrorCode::StoreLocked);
  EXPECT_TRUE(store.repair(/*dry_run=*/true));
}

TEST(Repair, ChangesNothingInADryRun) {
  Repaired store;
  store.append(12);
  store.copy();
  store.damage_event("store", 2, 2);
  store.damage_event("store", 3, 2);
  store.damage_event("copy", 3, 2);
  const auto calls = store.machine().files().mutating_calls();
  const auto report = value_of(store.repair(/*dry_run=*/true));
  EXPECT_EQ(report.repaired.size(), 1U);
  EXPECT_FALSE(report.remaining.empty());
  EXPECT_EQ(store.machine().files().mutating_calls(), calls);
}

TEST(Repair, RemovesAPostingFileThatIsDamaged) {
  Repaired store;
  store.append(12);
  store.copy();
  const auto path = posting_files(store.disk()).front();
  store.disk().flip_bit(path, 300, 1);
  const auto report = store.must_repair();
  ASSERT_EQ(report.repaired.size(), 1U);
  EXPECT_EQ(report.repaired.front().file, path);
  EXPECT_EQ(report.repaired.front().action, RepairedFile::Action::Removed);
}

TEST(Repair, KeepsPostingFilesOfWhatItMends) {
  Repaired store;
  store.append(12);
  store.copy();
  const auto before = posting_files(store.disk());
  store.damage_event("store", 2, 2);
  EXPECT_EQ(value_of(store.repair()).repaired.size(), 1U);
  EXPECT_EQ(posting_files(store.disk()), before);
}

// The log is damaged where one of them is wrong.
TEST(Repair, RemovesAPostingFileThatDoesNotAgreeWithWhatItMends) {
  Repaired store;
  store.append(12);
  store.copy();
  StoreOnSimulatedDisk other(8192, /*run_events_max=*/5);  // gets the same ids
  append_large(*other.open(), "other", 12);
  const auto path = posting_files(store.disk()).front();
  store.disk().put(path, other.disk().contents(path));
  store.damage_event("store", 1, 2);
  store.damage_event("store", 2, 2);
  const auto report = store.must_repair();
  ASSERT_EQ(report.repaired.size(), 3U);
  EXPECT_EQ(report.repaired.back().file, path);
}

TEST(Repair, MakesALostManifestAnew) {
  for (const int appended_since : {0, 1, 12}) {
    for (const bool missing : {true, false}) {
      Repaired store;
      store.append(11);
      store.copy();
      if (appended_since > 0) store.append(appended_since);
      const auto path = manifest_path("store");
      if (missing) {
        store.disk().remove(path);
      } else {
        store.disk().flip_bit(path, 200, 1);
      }
      EXPECT_EQ(value_of(store.repair(/*dry_run=*/true)).repaired.size(), 1U);
      const auto report = store.must_repair();
      ASSERT_GE(report.repaired.size(), 1U);
      EXPECT_EQ(report.repaired.front().file, path);
    }
  }
}

// It would lose the events of a segment, or take those of another history.
TEST(Repair, MakesNoManifestThatDoesNotFit) {
  Repaired store;
  store.append(11);
  store.copy();
  store.append(12);
  store.disk().remove(manifest_path("store"));
  store.damage_event("store", 4, 1);
  EXPECT_EQ(code_of(store.repair()), ErrorCode::Corruption);
  EXPECT_FALSE(store.disk().exists(manifest_path("store")));
}

TEST(Repair, CanBeRunAgainWhereverACrashEndsIt) {
  bool crashed = true;
  for (std::uint64_t call = 1; crashed; ++call) {
    for (const auto crash :
         {SimulatedFileSystem::Crash::ProcessKill, SimulatedFileSystem::Crash::PowerLoss}) {
      Repaired store;
      store.append(12);
      store.copy();
      store.disk().remove(manifest_path("store"));
      store.disk().remove(segment_path("store", 1));
      store.damage_event("store", 2, 2);
      store.damage_event("store", 4, 1);
      store.machine().files().crash_after(call);
      static_cast<void>(store.repair());
      crashed = store.machine().files().crashed();
      store.machine().files().restart(crash);
      store.must_repair();
    }
  }
}

// Damages `times` segments that a random number chooses.
void damage_some(Repaired& store, const std::string& folder, SeededRandom& random,
                 std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    auto segments = store.disk().files();
    std::erase_if(segments, [&](const auto& path) {
      return !path.starts_with(folder) || !path.ends_with(".seg");
    });
    if (segments.empty()) return;
    const auto& path = segments[random.below(segments.size())];
    const auto size = store.disk().contents(path).size();
    const auto kind = random.below(10);
    if (kind == 0) store.disk().remove(path);
    if (kind == 1) store.disk().truncate(path, random.below(size + 1));
    if (kind > 1 && size > 0) store.disk().flip_bit(path, random.below(size), 5);
  }
}

// The positions that can be read by themselves; what is read there is right.
std::vector<std::uint64_t> whole_positions(Repaired& store) {
  std::vector<std::uint64_t> positions;
  const auto reader = store.machine().open_reader();
  for (const auto& event : store.expected()) {
    const auto position = event.position.value;
    const auto read = test::try_read(*reader, {.from = position, .to = position});
    if (!read || read->events.empty()) continue;
    EXPECT_EQ(read->events.front(), event);
    positions.push_back(position);
  }
  return positions;
}

// Damage of every kind, to both: what was mended is right, and what is whole is never lost.
TEST(Repair, NeverMakesItWorse) {
  std::uint64_t mended = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, seed);
    SeededRandom random(seed);
    Repaired store;
    store.append(static_cast<int>(1 + random.below(12)));
    store.copy();
    if (random.chance(1, 2)) store.append(static_cast<int>(1 + random.below(8)));
    damage_some(store, "store/", random, 1 + random.below(4));
    damage_some(store, "copy/", random, random.below(3));
    const auto before = whole_positions(store);
    const auto report = value_of(store.repair());
    const auto after = whole_positions(store);
    EXPECT_TRUE(std::ranges::includes(after, before));
    if (!report.remaining.empty()) continue;
    EXPECT_EQ(after.size(), store.expected().size());
    if (!report.repaired.empty()) ++mended;
    store.must_be_sound();
  }
  EXPECT_GT(mended, 50U);
}

}  // namespace
}  // namespace eventstore::log
