#include "log/log_tail.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "log/folder.hpp"
#include "log/hooked_file_system_test_support.hpp"
#include "log/log_store_test_support.hpp"
#include "log/run_files.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::log {
namespace {

using test::code_of;
using test::error_of;
using test::read_everything;
using test::value_of;

struct LogEnd {
  std::uint64_t offset = 0;  // behind the last whole frame
  bool in_zeros = false;     // nothing else follows, as the format says
};

LogEnd end_of_log(StoreOnSimulatedDisk& machine) {
  const auto bytes = machine.disk().contents(segment_path("store", 1));
  const auto header = value_of(decode_segment_header(bytes, "segment"));
  FrameScan scan(bytes, header.seed(), ScanState::at_start_of(header));
  for (;;) {
    const auto more = scan.next();
    if (more && *more) continue;
    return {.offset = scan.state().offset, .in_zeros = more && scan.only_zeros_follow()};
  }
}

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

  // Nor where the header of that segment rotted, so that nobody can tell whether it has any.
  for (const bool has_header : {true, false}) {
    if (!has_header) machine.disk().flip_bit(segment_path("store", 2), 20, 0);
    const auto refused = error_of(machine.try_open());
    EXPECT_EQ(refused.code, ErrorCode::Corruption);
    EXPECT_NE(refused.message.find(manifest_path("store")), std::string::npos) << refused.message;
    for (const auto& path : before.files()) EXPECT_TRUE(machine.disk().exists(path)) << path;
  }

  machine.disk().flip_bit(segment_path("store", 2), 20, 0);
  machine.disk().put(manifest_path("store"), before.contents(manifest_path("store")));
  EXPECT_EQ(read_everything(*machine.open()).size(), 23U);
}

TEST(LogTail, PutsZerosInThePlaceOfATornAppend) {
  StoreOnSimulatedDisk machine(64 << 10);
  append_large(*machine.open(), "s", 2);
  const auto end = end_of_log(machine).offset;
  machine.disk().overwrite(segment_path("store", 1), end,
                           std::vector<std::byte>(700, std::byte{'t'}));
  ASSERT_FALSE(end_of_log(machine).in_zeros);
  const auto store = machine.open();
  ASSERT_EQ(machine.notices().size(), 1U);
  EXPECT_NE(machine.notices().front().find("700 bytes of an append that was never acknowledged"),
            std::string::npos);
  EXPECT_TRUE(end_of_log(machine).in_zeros);
  EXPECT_EQ(end_of_log(machine).offset, end);
  EXPECT_EQ(read_everything(*store).size(), 2U);
}

// A bad last frame is a torn append, unless HEAD tells that it was durable.
TEST(LogTail, NeverCutsBelowTheDurableHead) {
  for (const auto crash :
       {SimulatedFileSystem::Crash::ProcessKill, SimulatedFileSystem::Crash::PowerLoss}) {
    StoreOnSimulatedDisk machine;
    const auto store = machine.open();
    append_large(*store, "s", 3);
    machine.files().restart(crash);
    machine.disk().flip_bit(segment_path("store", 1), end_of_log(machine).offset - 100, 0);
    // Without the HEAD page nothing tells that the last append was durable.
    const bool is_told = crash == SimulatedFileSystem::Crash::ProcessKill;
    if (!is_told) machine.disk().remove(head_path("store"));

    const auto opened = machine.try_open();
    if (!is_told) {
      EXPECT_EQ(value_of((*opened)->head()), GlobalPosition{2});
      continue;
    }
    const auto refused = error_of(opened);
    EXPECT_EQ(refused.code, ErrorCode::Corruption);
    const auto lost = test::details_of<DamageDetails>(refused);
    EXPECT_EQ(lost.first_position, GlobalPosition{3});
    EXPECT_EQ(lost.last_position, GlobalPosition{3});
    EXPECT_EQ(value_of(machine.open_reader()->head()), GlobalPosition{3});
  }
}

TEST(LogTail, LeavesNothingOfAnAppendThatHadNoRoom) {
  StoreOnSimulatedDisk machine(64 << 10);
  const auto store = machine.open();
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    machine.files().inject(
        {.call = SimulatedFileSystem::Call::Write, .nth = 1, .error_number = ENOSPC});
    const auto appended = store->append(test::append_to("s"));
    machine.files().clear_faults();
    if (appended) continue;  // it was the space ahead that there was no room for
    ++refused;
    EXPECT_EQ(code_of(appended), ErrorCode::NoSpace);
    EXPECT_TRUE(end_of_log(machine).in_zeros);
    value_of(store->append(test::append_to("s")));
  }
  EXPECT_GT(refused, 3);
}

// What was written of a frame may be all of it but zeros at its end: if the disk has that and not
// what was put in its place, the append is there after a loss of power, though it was refused.
TEST(LogTail, LeavesNothingOfAnAppendThatHadNoRoomWhenPowerIsLost) {
  StoreOnSimulatedDisk machine(64 << 10);
  auto store = machine.open();
  auto request = test::append_to("s");
  request.events.front().data.assign(400, '\0');
  request.events.front().format = PayloadFormat::Binary;
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    machine.files().inject(
        {.call = SimulatedFileSystem::Call::Write, .nth = 1, .error_number = ENOSPC});
    const auto appended = store->append(request);
    machine.files().clear_faults();
    if (!appended) ++refused;
    const auto head = value_of(store->head());
    machine.files().crash_after(1);
    store.reset();
    machine.files().restart(SimulatedFileSystem::Crash::PowerLoss);
    store = machine.open();
    ASSERT_EQ(value_of(store->head()), head) << "attempt " << i;
  }
  EXPECT_GT(refused, 100);
}

TEST(LogTail, SaysThatTheOutcomeIsUnknownWhereAnAppendWithoutRoomCannotBeTakenBack) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 1);
  machine.files().inject({.call = SimulatedFileSystem::Call::Write,
                          .nth = 1,
                          .error_number = ENOSPC,
                          .forever = true});
  EXPECT_EQ(code_of(store->append(test::append_to("s"))), ErrorCode::OutcomeUnknown);
  EXPECT_EQ(code_of(store->append(test::append_to("s"))), ErrorCode::ReadOnly);
  machine.files().clear_faults();
  store.reset();
  EXPECT_TRUE(machine.open()->append(test::append_to("s")));
}

// The length of a new file may be durable before its bytes, and show what the disk had there.
TEST(LogTail, MakesAStoreOverWhatAnInterruptedCreationLeft) {
  StoreOnSimulatedDisk machine;
  machine.disk().put(lock_path("store"), {});
  machine.disk().put(segment_path("store", 1), std::vector<std::byte>(6000, std::byte{'g'}));
  append_large(*machine.open(), "s", 1);
  EXPECT_EQ(read_everything(*machine.open()).size(), 1U);

  // But never over events.
  machine.disk().remove(manifest_path("store"));
  EXPECT_EQ(code_of(machine.try_open()), ErrorCode::NotAStore);
  machine.disk().flip_bit(segment_path("store", 1), 100, 0);
  EXPECT_EQ(code_of(machine.try_open()), ErrorCode::NotAStore);
}

// Names that are not synced may reach the disk in any order: no manifest without the rest.
TEST(LogTail, MakesAStoreThatIsWholeWhereItsManifestIs) {
  for (std::uint64_t call = 1;; ++call) {
    StoreOnSimulatedDisk machine;
    machine.files().crash_after(call);
    if (machine.try_open()) break;
    constexpr std::size_t kPieces = 8;
    const auto pieces = machine.disk().unsynced_pieces(kPieces);
    ASSERT_LE(pieces, 12U);
    for (std::uint64_t kept = 0; kept < std::uint64_t{1} << pieces; ++kept) {
      auto disk = machine.disk();
      if (!disk.lose_power_but(kept, kPieces)) continue;
      SimulatedFileSystem files(1, disk);
      const auto opened =
          LogStore::open(machine.environment(&files), "store", {.segment_bytes_max = 8192},
                         {.prewrite_bytes = 1024, .threads = false}, "simulated", nullptr);
      ASSERT_TRUE(opened) << "call " << call << ", pieces " << kept << ": "
                          << opened.error().message;
    }
  }
}

// What the index may take of the heap decides after how many events it is written to a file.
TEST(LogTail, KeepsNoMoreOfItsIndexInMemoryThanItMay) {
  const auto posting_files = [](std::uint64_t index_bytes_max) {
    StoreOnSimulatedDisk machine;
    const auto store = value_of(
        LogStore::open(machine.environment(), "store", {.index_bytes_max = index_bytes_max},
                       {.merge_width = 1000, .threads = false}, "simulated", nullptr));
    for (int i = 0; i < 5000; ++i) {
      value_of(store->append(test::append_to("s-" + std::to_string(i))));
    }
    while (store->step()) {
    }
    return std::ranges::count_if(machine.disk().files(),
                                 [](const auto& path) { return path.ends_with(".post"); });
  };
  EXPECT_EQ(posting_files(std::uint64_t{160} << 20), 0);
  const auto few = posting_files(std::uint64_t{4} << 20);
  EXPECT_GE(few, 1);
  EXPECT_GT(posting_files(std::uint64_t{1} << 20), few);
  const test::TemporaryDirectory folder;
  EXPECT_EQ(code_of(open("file:" + folder.path().string() + "/store", {.index_bytes_max = 1000})),
            ErrorCode::InvalidArgument);
}

// Whoever asks again on a full disk, because an answer was lost, gets it.
TEST(LogTail, AnswersWhatNeedsNoRoomWhereThereIsNone) {
  StoreOnSimulatedDisk machine;
  const auto store = machine.open();
  auto first = test::append_to("s");
  first.events.front().data = '"' + std::string(1000, 'x') + '"';
  first.events.front().id = test::id_of(1);
  value_of(store->append(first));
  const auto check =
      AppendRequest{.checks = {{.stream = "s", .expected = ExpectedVersion::no_stream()}}};
  std::uint64_t without_room = 0;
  for (int i = 0; i < 20; ++i) {
    append_large(*store, "other", 1);
    machine.files().inject(
        {.call = SimulatedFileSystem::Call::Write, .nth = 1, .error_number = ENOSPC});
    EXPECT_TRUE(value_of(store->append(first)).repeated);
    EXPECT_EQ(code_of(store->append(check)), ErrorCode::WrongExpectedVersion);
    without_room += machine.files().faults_hit();
    machine.files().clear_faults();
  }
  EXPECT_GT(without_room, 0U);
}

TEST(LogTail, TakesNothingMoreAfterASyncThatFailed) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 1);
  machine.files().inject({.call = SimulatedFileSystem::Call::Sync});
  auto request = test::append_to("s");
  request.context.chain = std::make_shared<AppendChain>();
  EXPECT_EQ(code_of(store->append(request)), ErrorCode::OutcomeUnknown);
  EXPECT_TRUE(request.context.chain->is_broken());
  request.context.chain = nullptr;
  EXPECT_EQ(value_of(store->head()), GlobalPosition{1});
  EXPECT_EQ(code_of(store->append(request)), ErrorCode::ReadOnly);
  store.reset();
  EXPECT_TRUE(machine.open()->append(request));
}

TEST(LogTail, RemovesWhatACrashLeftBehind) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 1);
  const std::vector<std::string> leftovers = {
      manifest_path("store") + ".tmp", segment_path("store", 7),
      RunFile{.first_position = {1}, .last_position = {9}}.path("store") + ".tmp",
      RunFile{.first_position = {7}, .last_position = {9}}.path("store")};
  for (const auto& path : leftovers) machine.disk().put(path, std::vector(5000, std::byte{'x'}));
  const auto store = machine.open();
  for (const auto& path : leftovers) EXPECT_FALSE(machine.disk().exists(path)) << path;
  EXPECT_EQ(read_everything(*store).size(), 1U);
}

// Also where the newest event stands in the segment before an empty one.
TEST(LogTail, NeverRecordsAnEarlierTimeWhereverARollIsCutShort) {
  bool crashed = true;
  for (std::uint64_t call = 1; crashed; ++call) {
    StoreOnSimulatedDisk machine;
    auto store = machine.open();
    append_large(*store, "s", 3);  // the next one rolls
    const auto before = read_everything(*store).back().recorded_at;
    machine.files().crash_after(call);
    AppendRequest request;
    request.events.push_back({.stream = "s", .type = "T", .data = std::string(1000, '1')});
    static_cast<void>(store->append(request));
    crashed = machine.files().crashed();
    machine.files().restart(SimulatedFileSystem::Crash::ProcessKill);
    store.reset();

    machine.clock().set_wall(before - std::chrono::minutes(30));
    store = machine.open();
    append_large(*store, "s", 1);
    EXPECT_GE(read_everything(*store).back().recorded_at, before) << "call " << call;
  }
}

// Posting files are derived: all of them may be lost. What is made anew must not fill the memory.
TEST(LogTail, MakesLostPostingFilesAsItGoes) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/4);
  auto store = machine.open();
  append_large(*store, "s", 60);
  while (store->step()) {
  }
  store.reset();
  std::vector<std::string> lost;
  for (const auto& path : machine.disk().files()) {
    if (path.ends_with(".post")) lost.push_back(path);
  }
  ASSERT_GT(lost.size(), 1U);
  for (const auto& path : lost) machine.disk().remove(path);

  store = value_of(machine.try_open());
  const auto runs = value_of(list_run_files(machine.files(), "store"));
  EXPECT_GT(runs.size(), lost.size());
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
