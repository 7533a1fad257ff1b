#include <algorithm>
#include <string>
#include <vector>

#include "log/repair.hpp"
#include "log/scavenge_test_support.hpp"
#include "log/segment_source.hpp"

// A MANIFEST that is lost where segments were rewritten since the copy was made.
namespace eventstore::log {
namespace {

using std::chrono::seconds;

class RepairOfWhatWasScavenged : public ScavengeTest {
 protected:
  void copy_store() {
    for (const auto& path : machine_.disk().files()) {
      if (path.starts_with("store/")) {
        machine_.disk().put("copy" + path.substr(5), machine_.disk().contents(path));
      }
    }
  }
  // A copy is made, then come the segments of which something is to be freed.
  void fill_behind_a_copy() {
    append_large(*store_, "z", 8);
    upkeep();
    store_ = nullptr;
    copy_store();
    store_ = machine_.open();
    append_large(*store_, "z", 6);
    fill(*store_, 12);
    truncate("a", 9);
    upkeep();
  }
  Result<RepairReport> repair() {
    const auto source = open_folder_source(machine_.files(), "copy");
    if (!source) return std::unexpected(source.error());
    return repair_log(machine_.environment(), "store", **source, {});
  }
};

TEST_F(RepairOfWhatWasScavenged, MakesAManifestOfRewrittenSegments) {
  fill_behind_a_copy();
  scavenge();
  const auto before = reads();
  store_ = nullptr;
  machine_.disk().remove("store/MANIFEST");
  const auto report = repair();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->remaining.empty()) << report->remaining.front().message;
  store_ = machine_.open();
  EXPECT_EQ(reads(), before);
}

// The same where the crash came before the old files were removed: opening then removes the file
// that the manifest should list.
TEST_F(RepairOfWhatWasScavenged, KeepsTheFileThatTheManifestShouldList) {
  fill_behind_a_copy();
  const auto old_disk = machine_.disk();
  scavenge();
  store_ = nullptr;
  const auto new_path = segment_path("store", 5, 1);
  auto files = segment_files();
  ASSERT_NE(std::ranges::find(files, new_path), files.end());
  for (const auto& path : old_disk.files()) {
    const auto now = machine_.disk().files();
    const bool is_there = std::ranges::find(now, path) != now.end();
    if (path.ends_with(".seg") && !is_there) machine_.disk().put(path, old_disk.contents(path));
  }
  machine_.disk().remove("store/MANIFEST");
  const auto report = repair();
  ASSERT_TRUE(report) << report.error().message;
  const auto opened = machine_.try_open();
  EXPECT_TRUE(opened) << opened.error().message;
  files = segment_files();
  EXPECT_NE(std::ranges::find(files, new_path), files.end()) << "removed";
}

TEST_F(RepairOfWhatWasScavenged, SaysThatTheCopyWasMadeBefore) {
  fill_behind_a_copy();
  scavenge();
  store_ = nullptr;
  const auto path = segment_path("store", 5, 1);
  auto bytes = machine_.disk().contents(path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  machine_.disk().put(path, bytes);
  const auto report = repair();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_FALSE(report->remaining.empty());
  EXPECT_NE(
      report->remaining.front().message.find("not mended from copy: the segment was rewritten"),
      std::string::npos)
      << report->remaining.front().message;
}

TEST_F(RepairOfWhatWasScavenged, MakesAManifestBesideWhatACrashLeft) {
  fill_behind_a_copy();
  const auto before = reads();
  store_ = nullptr;
  const auto start = machine_.disk();
  bool crashed = true;
  for (std::uint64_t call = 1; crashed; ++call) {
    for (const auto crash :
         {SimulatedFileSystem::Crash::ProcessKill, SimulatedFileSystem::Crash::PowerLoss}) {
      machine_.files().restart(SimulatedFileSystem::Crash::ProcessKill);
      machine_.disk() = start;
      store_ = machine_.open();
      machine_.clock().advance(seconds(1));
      machine_.files().crash_after(call);
      static_cast<void>(store_->scavenge(kForgetIds));
      crashed = machine_.files().crashed();
      store_ = nullptr;
      machine_.files().restart(crash);
      machine_.disk().remove("store/MANIFEST");
      const auto report = repair();
      EXPECT_TRUE(report) << call << ": " << report.error().message;
      if (!report) continue;
      auto opened = machine_.try_open();
      EXPECT_TRUE(opened) << call << ": " << opened.error().message;
      if (!opened) continue;
      store_ = *std::move(opened);
      EXPECT_EQ(reads(), before) << call;
      expect_whole();
      store_ = nullptr;
    }
  }
}

}  // namespace
}  // namespace eventstore::log
