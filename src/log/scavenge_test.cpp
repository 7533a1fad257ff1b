#include "log/scavenge.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "log/hooked_file_system_test_support.hpp"
#include "log/husk_test_support.hpp"
#include "log/scavenge_test_support.hpp"

namespace eventstore::log {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::code_of;
using test::read_everything;
using test::read_stream;
using test::value_of;

class Scavenge : public ScavengeTest {};

TEST_F(Scavenge, FreesTheSpaceAndLeavesEveryReadAsItWas) {
  fill(*store_, 20);
  truncate("a", 15);
  upkeep();
  const auto before = reads();
  const auto bytes = stored_bytes();
  const auto report = scavenge();
  EXPECT_EQ(report.events_removed, 14U);
  EXPECT_EQ(report.events_reduced, 0U);
  EXPECT_GT(report.segments_rewritten, 0U);
  EXPECT_GT(report.bytes_freed, 13'000U);
  EXPECT_LE(stored_bytes(), bytes - report.bytes_freed);
  EXPECT_EQ(reads(), before);
  expect_whole();
  EXPECT_EQ(scavenge().segments_rewritten, 0U);
  upkeep();  // merges the runs that were made
  EXPECT_EQ(reads(), before);
  expect_whole();

  reopen();
  EXPECT_EQ(reads(), before);
  expect_whole();
  EXPECT_EQ(test::versions_of(read_stream(*store_, "a")).front(), 15U);
  EXPECT_EQ(value_of(store_->append(test::append_to("a"))).streams.front().version,
            StreamVersion{21});
}

TEST_F(Scavenge, RebuildsTheSameIndexFromWhatIsLeft) {
  fill(*store_, 20);
  truncate("a", 15);
  value_of(store_->delete_stream("b", ExpectedVersion::any()));
  upkeep();
  scavenge();
  const auto before = reads();
  store_ = nullptr;
  remove_posting_files(machine_.disk());
  store_ = machine_.open();
  EXPECT_EQ(reads(), before);
  EXPECT_EQ(value_of(store_->stream_info("b"))->version, StreamVersion{20});
  expect_whole();
}

TEST_F(Scavenge, RemembersTheIdsForATimeAndTheLastOneForEver) {
  auto request = test::append_to("c", ExpectedVersion::any(), 3);
  for (std::uint64_t i = 0; i < 3; ++i) request.events[i].id = test::id_of(i + 1);
  value_of(store_->append(request));
  fill(*store_, 10);
  value_of(store_->delete_stream("c", ExpectedVersion::any()));
  upkeep();

  const ScavengeOptions a_day{.id_retention = hours(24)};
  EXPECT_EQ(scavenge(a_day).events_reduced, 3U);
  EXPECT_TRUE(value_of(store_->append(request)).repeated);
  EXPECT_TRUE(read_stream(*store_, "c").empty());
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  EXPECT_EQ(scavenge(a_day).segments_rewritten, 0U);

  machine_.clock().advance(hours(25));
  EXPECT_EQ(scavenge(a_day).events_removed, 2U);
  const auto found =
      value_of(store_->find("c", std::vector{test::id_of(1), test::id_of(2), test::id_of(3)}));
  EXPECT_FALSE(found[0].has_value());
  EXPECT_FALSE(found[1].has_value());
  EXPECT_EQ(found[2]->version, StreamVersion{3});
  reopen();
  EXPECT_EQ(value_of(store_->stream_info("c"))->version, StreamVersion{3});
  EXPECT_EQ(value_of(store_->append(test::append_to("c"))).streams.front().version,
            StreamVersion{4});
  expect_whole();
}

TEST_F(Scavenge, LeavesHusksThatMergedRunsMayBeginWith) {
  fill(*store_, 20);
  truncate("a", 15);
  upkeep();
  EXPECT_EQ(scavenge({.id_retention = hours(24)}).events_reduced, 14U);
  upkeep();
  expect_whole();
  EXPECT_EQ(value_of(store_->stats()).events, read_everything(*store_).size());
  reopen();
  expect_whole();
}

TEST_F(Scavenge, TakesWhatRetentionHidesOutOfEveryRead) {
  fill(*store_, 20);
  value_of(store_->set_retention("a", {.max_count = 3}, ExpectedVersion::any()));
  upkeep();
  EXPECT_EQ(read_everything(*store_).size(), 41U);
  EXPECT_GT(scavenge().events_removed, 10U);
  EXPECT_EQ(test::versions_of(read_stream(*store_, "a")), (Numbers{18, 19, 20}));
  EXPECT_LT(read_everything(*store_).size(), 30U);
  expect_whole();
}

TEST_F(Scavenge, LeavesOfATombstonedStreamTheTombstone) {
  fill(*store_, 10);
  value_of(store_->tombstone_stream("a", ExpectedVersion::any()));
  append_large(*store_, "b", 10);
  upkeep();
  EXPECT_EQ(scavenge().events_removed, 10U);
  reopen();
  EXPECT_EQ(code_of(store_->append(test::append_to("a"))), ErrorCode::StreamDeleted);
  EXPECT_EQ(value_of(store_->stream_info("a"))->state, StreamState::Tombstoned);
  expect_whole();
}

TEST_F(Scavenge, TellsInADryRunWhatItWouldFree) {
  fill(*store_, 20);
  truncate("a", 15);
  truncate("b", 3);
  upkeep();
  const auto files = segment_files();
  auto options = kForgetIds;
  options.dry_run = true;
  const auto would = scavenge(options);
  EXPECT_EQ(segment_files(), files);
  const auto reader = machine_.open_reader();
  EXPECT_EQ(value_of(reader->scavenge(options)).bytes_freed, would.bytes_freed);
  EXPECT_EQ(code_of(reader->scavenge(kForgetIds)), ErrorCode::ReadOnly);

  const auto did = scavenge();
  EXPECT_EQ(did.events_removed, would.events_removed);
  EXPECT_EQ(did.bytes_freed, would.bytes_freed);
  EXPECT_EQ(did.segments, would.segments);
  EXPECT_EQ(did.segments_rewritten, would.segments_rewritten);
  EXPECT_GT(did.bytes_active, 0U);
}

TEST_F(Scavenge, GoesOnWhereItWasStopped) {
  fill(*store_, 20);
  value_of(store_->delete_stream("a", ExpectedVersion::any()));
  upkeep();
  std::stop_source stop;
  auto options = kForgetIds;
  options.cancellation = stop.get_token();
  options.on_progress = [&](const ScavengeProgress& progress) {
    if (progress.position.value > 12) stop.request_stop();
  };
  const auto stopped = store_->scavenge(options);
  EXPECT_EQ(code_of(stopped), ErrorCode::Cancelled);
  EXPECT_NE(stopped.error().message.find("done up to position 12 of "), std::string::npos)
      << stopped.error().message;
  const auto rest = scavenge();
  EXPECT_GT(rest.events_removed, 0U);
  EXPECT_LT(rest.events_removed, 19U);
  expect_whole();
}

TEST_F(Scavenge, LetsReadsUnderWayGoOn) {
  fill(*store_, 200);
  const auto cursor = value_of(store_->read({.selector = SelectStream{"a"}}));
  Numbers versions;
  const auto take = [&](std::span<const EventView> batch) {
    for (const auto& view : batch) versions.push_back(view.version.value);
    return !batch.empty();
  };
  ASSERT_TRUE(take(value_of(cursor->next())));
  value_of(store_->delete_stream("a", ExpectedVersion::any()));
  upkeep();
  EXPECT_GT(scavenge().events_removed, 150U);
  while (take(value_of(cursor->next()))) {
  }
  EXPECT_EQ(versions.size(), 200U);
  EXPECT_TRUE(read_stream(*store_, "a").empty());
}

TEST_F(Scavenge, LetsReadersInOtherProcessesGoOn) {
  fill(*store_, 400);
  upkeep();
  const auto reader = machine_.open_reader();
  const auto cursor = value_of(reader->read({.selector = SelectStream{"b"}}));
  const auto backwards = value_of(reader->read(
      {.selector = SelectStream{"b"}, .direction = Direction::Backwards, .limit = 390}));
  const auto never_begun = value_of(reader->read({.selector = SelectStream{"b"}}));
  auto events = value_of(cursor->next()).size();
  auto events_back = value_of(backwards->next()).size();
  truncate("a", 395);
  upkeep();
  EXPECT_GT(scavenge().events_removed, 300U);

  const auto count_rest = [](Cursor& rest) {
    std::size_t count = 0;
    for (auto batch = value_of(rest.next()); !batch.empty(); batch = value_of(rest.next())) {
      count += batch.size();
    }
    return count;
  };
  EXPECT_EQ(events + count_rest(*cursor), 400U);
  EXPECT_EQ(events_back + count_rest(*backwards), 390U);
  EXPECT_EQ(count_rest(*never_begun), 400U);
  EXPECT_EQ(value_of(reader->stream_info("a"))->events, 6U);
  EXPECT_EQ(test::versions_of(read_stream(*reader, "a")).front(), 395U);
  EXPECT_TRUE(value_of(reader->verify()).findings.empty());
  append_large(*store_, "a", 1);
  EXPECT_EQ(value_of(reader->stream_info("a"))->events, 7U);
}

// Whatever is left by a crash: the same reads, and the next scavenge gets to the same end.
class CrashInScavenge : public Scavenge,
                        public testing::WithParamInterface<SimulatedFileSystem::Crash> {};

TEST_P(CrashInScavenge, LeavesTheOldOrTheNew) {
  fill(*store_, 12);
  truncate("a", 9);
  upkeep();
  const auto before = reads();
  reopen();
  upkeep();
  store_ = nullptr;
  const auto start = machine_.disk();
  bool crashed = true;
  for (std::uint64_t call = 1; crashed; ++call) {
    machine_.files().restart(SimulatedFileSystem::Crash::ProcessKill);
    machine_.disk() = start;
    store_ = machine_.open();
    machine_.clock().advance(seconds(1));
    machine_.files().crash_after(call);
    const auto report = store_->scavenge(kForgetIds);
    crashed = machine_.files().crashed();
    ASSERT_TRUE(report || crashed) << report.error().message;
    store_ = nullptr;
    machine_.files().restart(GetParam());
    store_ = machine_.open();
    ASSERT_EQ(reads(), before) << call;
    scavenge();
    ASSERT_EQ(reads(), before) << call;
    expect_whole();
    ASSERT_EQ(scavenge().segments_rewritten, 0U);
    reopen();
    ASSERT_EQ(reads(), before) << call;
    ASSERT_EQ(segment_files().size(), value_of(store_->verify()).segments) << call;
    store_ = nullptr;
  }
}

INSTANTIATE_TEST_SUITE_P(Crashes, CrashInScavenge,
                         testing::Values(SimulatedFileSystem::Crash::ProcessKill,
                                         SimulatedFileSystem::Crash::PowerLoss));

// Every call that fails, once or from then on: an error, and the store goes on.
TEST_F(Scavenge, FailsCleanlyWhateverFails) {
  fill(*store_, 12);
  truncate("a", 9);
  upkeep();
  const auto before = reads();
  store_ = nullptr;
  const auto start = machine_.disk();
  for (const int error_number : {5 /*EIO*/, 28 /*ENOSPC*/}) {
    bool failed = true;
    for (std::uint64_t call = 1; failed; ++call) {
      machine_.files().restart(SimulatedFileSystem::Crash::ProcessKill);
      machine_.disk() = start;
      store_ = machine_.open();
      machine_.clock().advance(seconds(1));
      const auto hit = machine_.files().faults_hit();
      machine_.files().inject({.nth = call, .error_number = error_number});
      static_cast<void>(store_->scavenge(kForgetIds));
      failed = machine_.files().faults_hit() > hit;
      machine_.files().clear_faults();
      ASSERT_EQ(reads(), before) << call;
      expect_whole();
      scavenge();
      ASSERT_EQ(reads(), before) << call;
      expect_whole();
      append_large(*store_, "d", 1);
      reopen();
      expect_whole();
      ASSERT_EQ(test::versions_of(read_stream(*store_, "a")).front(), 9U) << call;
      store_ = nullptr;
    }
  }
}

// What was written is read back: a file that is damaged, and one that is whole and lacks an event
// that is to be kept, never take the place of the old one.
TEST_F(Scavenge, TakesNothingThatIsNotWhatIsLeft) {
  fill(*store_, 20);
  truncate("a", 15);
  upkeep();
  const auto before = reads();
  const auto files = segment_files();
  store_ = nullptr;
  const auto made = segment_path("store", 1, 1);
  auto& disk = machine_.disk();
  const std::vector<std::function<void()>> tamperings{
      [&] { disk.flip_bit(made, kSegmentHeaderBytes + 200, 0); },
      [&] { disk.put(made, without_deleted(disk.contents(made), {.husks = {}, .holes = {2}})); },
      [&] { disk.put(made, without_deleted(disk.contents(made), {.husks = {2}, .holes = {}})); }};
  for (const auto& tamper : tamperings) {
    HookedFileSystem hooked(machine_.files());
    store_ = value_of(machine_.try_open(/*read_only=*/false, &hooked));
    bool is_tampered = false;
    hooked.set_hook([&](std::string_view call, const std::string& path) {
      if (call == "open" && path == made && !std::exchange(is_tampered, true)) tamper();
    });
    machine_.clock().advance(seconds(1));
    EXPECT_EQ(code_of(store_->scavenge(kForgetIds)), ErrorCode::Corruption);
    EXPECT_TRUE(is_tampered);
    EXPECT_EQ(segment_files(), files);
    EXPECT_EQ(reads(), before);
    expect_whole();
    store_ = nullptr;
  }
}

TEST_F(Scavenge, NamesThePositionsThatAreDamaged) {
  fill(*store_, 20);
  truncate("a", 15);
  upkeep();
  auto& disk = machine_.disk();
  const auto path = segment_path("store", 1, 0);
  const auto frame = kSegmentHeaderBytes;  // the first, of one event
  for (const auto offset : {frame + 200, frame + 20}) {
    store_ = nullptr;
    disk.flip_bit(path, offset, 0);
    store_ = machine_.open();
    const auto scavenged = store_->scavenge(kForgetIds);
    ASSERT_EQ(code_of(scavenged), ErrorCode::Corruption);
    const auto& where = std::get<DamageDetails>(scavenged.error().details);
    EXPECT_EQ(where.first_position.value, 1U);
    EXPECT_EQ(where.last_position.value == 1, offset == frame + 200) << "of the frame or beyond";
    store_ = nullptr;
    disk.flip_bit(path, offset, 0);
    EXPECT_NE(scavenged.error().message.find("(position"), std::string::npos);
  }
}

// Another revision is all there is where the file that is listed cannot be read.
TEST_F(Scavenge, KeepsTheOtherRevisionOfADamagedSegment) {
  fill(*store_, 20);
  truncate("a", 15);
  upkeep();
  const auto old_path = segment_path("store", 1, 0);
  const auto old_bytes = machine_.disk().contents(old_path);
  scavenge();
  store_ = nullptr;
  machine_.disk().put(old_path, old_bytes);  // a crash came before it was removed
  machine_.disk().flip_bit(segment_path("store", 1, 1), 20, 1);
  EXPECT_FALSE(machine_.try_open());
  const auto files = segment_files();
  EXPECT_NE(std::ranges::find(files, old_path), files.end());
}

// Everything at once, with threads and real files. Not part of the suite: ATTACK_SECONDS.

}  // namespace
}  // namespace eventstore::log
