#include "log/log_follower.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/hooked_file_system_test_support.hpp"
#include "log/log_store_test_support.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::log {
namespace {

using test::read_everything;
using test::value_of;

// HEAD is not needed to read a store: a backup may lack it. A writer makes a new one.
TEST(LogFollower, FollowsAWriterThatMadeTheHeadPageLater) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 2);
  machine.disk().remove(head_path("store"));

  const auto reader = machine.open_reader();
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{2});
  const auto writer = machine.open();
  append_large(*writer, "s", 1);
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{3});
  EXPECT_EQ(read_everything(*reader).size(), 3U);
}

// Readers hold on to the page that they opened: a writer that cannot open it for now makes no
// other.
TEST(LogFollower, FollowsAWriterThatCouldNotOpenTheHeadPageAtFirst) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 2);
  const auto reader = machine.open_reader();
  machine.files().inject({.call = SimulatedFileSystem::Call::SharePage, .nth = 1});
  EXPECT_EQ(test::code_of(machine.try_open()), ErrorCode::Io);
  machine.files().clear_faults();
  append_large(*machine.open(), "s", 1);
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{3});
}

// A wait lasts as long as it was told to, also where nobody is there to end it.
TEST(LogFollower, WaitsWithoutAHeadPage) {
  const test::TemporaryDirectory folder;
  const auto url = "file:" + folder.path().string() + "/store";
  value_of(value_of(open(url))->append(test::append_to("s")));
  value_of(posix_environment().files->remove(head_path(folder.path().string() + "/store")));
  const auto reader = value_of(open(url, {.read_only = true}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(60);
  EXPECT_EQ(test::code_of(reader->wait_past({1}, deadline, {})), ErrorCode::DeadlineExceeded);
  EXPECT_GE(std::chrono::steady_clock::now(), deadline);
}

TEST(LogFollower, NeverShowsWhatAWriterHasNotSyncedThatStartsWhileItOpens) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 2);
  machine.disk().remove(head_path("store"));

  HookedFileSystem files(machine.files());
  StoreOnSimulatedDisk::Opened writer;
  files.set_hook([&](std::string_view call, const std::string& path) {
    if (writer != nullptr || call != "size" || path != segment_path("store", 1)) return;
    writer = machine.open();
    machine.files().inject({.call = SimulatedFileSystem::Call::Sync, .nth = 1});
    EXPECT_FALSE(writer->append(test::append_to("s")));
  });
  const auto reader = value_of(machine.try_open(/*read_only=*/true, &files));
  ASSERT_TRUE(writer != nullptr);
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{2});
}

// Damage is reported when it is met, not with every look at the store.
TEST(LogFollower, ReportsDamageBelowTheDurableHeadOnce) {
  StoreOnSimulatedDisk machine;
  const auto writer = machine.open();
  append_large(*writer, "s", 2);
  machine.disk().flip_bit(segment_path("store", 1), kSegmentHeaderBytes + 1500, 0);
  const auto reader = machine.open_reader();
  const auto reported = machine.notices().size();
  EXPECT_EQ(reported, 1U);
  for (int i = 0; i < 10; ++i) value_of(reader->head());
  EXPECT_EQ(machine.notices().size(), reported);
}

// What the HEAD page says was durable is not an append that was torn: not even after a restart.
TEST(LogFollower, EndsAReadWithTheDamageWhereTheLogEndsBeforeItsDurableHead) {
  for (const bool restarted : {false, true}) {
    StoreOnSimulatedDisk machine;
    append_large(*machine.open(), "s", 3);
    const auto segment = segment_path("store", 1);
    const auto bytes = machine.disk().contents(segment);
    const auto page = machine.disk().contents(head_path("store"));
    if (restarted) machine.files().restart(SimulatedFileSystem::Crash::PowerLoss);
    machine.disk().remove(head_path("store"));
    machine.disk().put(head_path("store"), page);
    const auto second = as_chars(bytes).find("xxxx", kSegmentHeaderBytes + 1500);
    machine.disk().put(segment, std::span(bytes).first(second));

    const auto reader = machine.open_reader();
    EXPECT_EQ(value_of(reader->head()), GlobalPosition{3});
    const auto cursor = value_of(reader->read({}));
    EXPECT_EQ(value_of(cursor->next()).size(), 1U);
    const auto lost = test::details_of<DamageDetails>(test::error_of(cursor->next()));
    EXPECT_EQ(lost.first_position, GlobalPosition{2});
    EXPECT_EQ(lost.last_position, GlobalPosition{3});
    EXPECT_EQ(value_of(reader->verify()).findings.size(), 1U);
    EXPECT_EQ(test::code_of(machine.try_open()), ErrorCode::Corruption);
  }
}

// A HEAD page that rotted must not make a shorter log of what is there.
TEST(LogFollower, TakesADurableHeadThatCannotBeForDamage) {
  constexpr std::size_t kDurableHeadOffset = 5 * sizeof(std::uint64_t);
  for (const auto durable : {std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 2, UINT64_MAX}) {
    StoreOnSimulatedDisk machine;
    append_large(*machine.open(), "s", 3);
    auto page = machine.disk().contents(head_path("store"));
    store_le(page.data() + kDurableHeadOffset, durable);
    machine.disk().remove(head_path("store"));
    machine.disk().put(head_path("store"), page);

    const auto reader = machine.open_reader();
    for (const auto& selector : {Selector(SelectAll{}), Selector(SelectCategory{"s"})}) {
      const auto cursor = value_of(reader->read({.selector = selector}));
      EXPECT_EQ(value_of(cursor->next()).size(), 3U);
      EXPECT_EQ(test::code_of(cursor->next()), ErrorCode::Corruption) << durable;
    }
    EXPECT_FALSE(value_of(reader->verify()).findings.empty());
  }
}

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

// The rest of a damaged store can be read, whatever is damaged of a sealed segment, and with its
// index also what a question needs no event for.
class ReaderOfALostSegment : public testing::TestWithParam<bool> {};

TEST_P(ReaderOfALostSegment, ReadsTheRest) {
  for (const std::string damage : {"missing", "cut short", "with a bad header", "another's"}) {
    StoreOnSimulatedDisk machine;
    auto store = machine.open();
    append_large(*store, "s", 12);
    while (store->step()) {
    }
    store.reset();
    const bool has_index = GetParam();
    if (!has_index) remove_posting_files(machine.disk());
    const auto path = segment_path("store", 2);  // positions 4 to 6
    if (damage == "missing") machine.disk().remove(path);
    if (damage == "cut short") machine.disk().truncate(path, 5000);
    if (damage == "with a bad header") machine.disk().flip_bit(path, 100, 0);
    if (damage == "another's") {
      machine.disk().put(path, machine.disk().contents(segment_path("store", 1)));
    }

    const auto reader = machine.open_reader();
    // What is there of a segment that is cut short is not looked at where the index has it.
    const bool is_noticed = !has_index || damage != "cut short";
    EXPECT_EQ(machine.notices().size(), is_noticed ? 1U : 0U) << damage;
    EXPECT_EQ(value_of(reader->head()), GlobalPosition{12});
    EXPECT_EQ(test::read_events(*reader, {.from = 7}).size(), 6U);
    EXPECT_EQ(test::read_events(*reader, {.to = 3}).size(), 3U);
    for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
      const auto read = test::error_of(test::try_read(*reader, {.direction = direction}));
      EXPECT_EQ(read.code, ErrorCode::Corruption);
      EXPECT_EQ(test::details_of<DamageDetails>(read).file, path);
    }
    EXPECT_EQ(reader->stream_info("s").has_value(), has_index);
    const auto findings = value_of(reader->verify()).findings;
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings.front().where.first_position, GlobalPosition{4});
    EXPECT_EQ(findings.front().where.last_position, GlobalPosition{6});
  }
}

INSTANTIATE_TEST_SUITE_P(Index, ReaderOfALostSegment, testing::Bool());

// A segment that is gone and stays so was not rewritten, whoever has the store open.
TEST(LogFollower, TakesASegmentThatIsRemovedWhileTheStoreIsOpenForLost) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/3);  // opening maps the last segment alone
  auto store = machine.open();
  const Uuid id{{std::byte{7}}};
  auto first = test::append_to("s");
  first.events.front().id = id;
  value_of(store->append(first));
  append_large(*store, "s", 12);
  while (store->step()) {
  }
  store = nullptr;
  store = machine.open();
  const auto reader = machine.open_reader();
  const auto path = segment_path("store", 1);
  machine.disk().remove(path);

  for (auto* const opened : {store.get(), reader.get()}) {
    for (const auto& error : {test::error_of(test::try_read(*opened, {})),
                              test::error_of(opened->find("s", {&id, 1}))}) {
      EXPECT_EQ(error.code, ErrorCode::Corruption) << error.message;
      EXPECT_EQ(test::details_of<DamageDetails>(error).file, path);
    }
  }
  EXPECT_EQ(test::code_of(store->append(first)), ErrorCode::Corruption);
}

// Neither is the rest lost where it is the active segment, whether a writer runs or not.
TEST(LogFollower, ReadsTheRestWhereTheActiveSegmentIsLost) {
  for (const std::string damage : {"missing", "empty", "with a bad header"}) {
    for (const bool head_is_there : {true, false}) {
      StoreOnSimulatedDisk machine;
      append_large(*machine.open(), "s", 11);  // the last segment has positions 10 and 11
      const auto path = segment_path("store", 4);
      if (damage == "missing") machine.disk().remove(path);
      if (damage == "empty") machine.disk().truncate(path, 0);
      if (damage == "with a bad header") machine.disk().flip_bit(path, 100, 0);
      if (!head_is_there) machine.disk().remove(head_path("store"));

      const auto reader = machine.open_reader();
      EXPECT_EQ(machine.notices().size(), 1U) << damage;
      EXPECT_EQ(value_of(reader->head()), GlobalPosition{head_is_there ? 11U : 10U}) << damage;
      EXPECT_EQ(test::read_events(*reader, {.to = 9}).size(), 9U);
      const auto read = test::error_of(test::try_read(*reader, {}));
      EXPECT_EQ(test::details_of<DamageDetails>(read).first_position, GlobalPosition{10});
      EXPECT_EQ(value_of(reader->verify()).findings.size(), 1U);
      EXPECT_EQ(test::code_of(machine.try_open()), ErrorCode::Corruption);
    }
  }
}

TEST(LogFollower, GoesOnBehindALostSegmentThatAWriterStillWritesTo) {
  StoreOnSimulatedDisk machine;
  const auto writer = machine.open();
  append_large(*writer, "s", 2);
  machine.disk().flip_bit(segment_path("store", 1), 100, 0);
  const auto reader = machine.open_reader();
  for (std::uint64_t position = 3; position <= 12; ++position) {
    append_large(*writer, "s", 1);
    EXPECT_EQ(value_of(reader->head()), GlobalPosition{position});
  }
  EXPECT_EQ(machine.notices().size(), 1U);
  EXPECT_EQ(test::read_events(*reader, {.from = 4}).size(), 9U);
  EXPECT_EQ(test::code_of(test::try_read(*reader, {})), ErrorCode::Corruption);
}

// A file that cannot be opened now, for want of descriptors for instance, can be the next time.
TEST(LogFollower, GoesOnWhereTheNextSegmentCouldNotBeOpened) {
  for (std::uint64_t nth = 1;; ++nth) {
    StoreOnSimulatedDisk machine;
    const auto writer = machine.open();
    append_large(*writer, "s", 1);
    const auto reader = machine.open_reader();
    append_large(*writer, "s", 12);
    machine.files().inject(
        {.call = SimulatedFileSystem::Call::Open, .nth = nth, .error_number = EMFILE});
    static_cast<void>(reader->head());  // fails, or does without
    machine.files().clear_faults();
    EXPECT_EQ(value_of(reader->head()), GlobalPosition{13}) << "call " << nth;
    EXPECT_EQ(read_everything(*reader).size(), 13U) << "call " << nth;
    if (machine.files().faults_hit() > 0) continue;
    EXPECT_GT(nth, 4U);
    break;
  }
}

// What is before the cut is there all the same.
TEST(LogFollower, ReadsASegmentUpToWhereItIsCutShort) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 12);
  while (store->step()) {
  }
  store.reset();
  const auto path = segment_path("store", 2);  // positions 4 to 6
  machine.disk().truncate(path, machine.disk().contents(path).size() / 4 * 3);
  EXPECT_EQ(test::code_of(machine.try_open()), ErrorCode::Corruption);
  const auto reader = machine.open_reader();
  EXPECT_EQ(test::read_events(*reader, {.to = 4}).size(), 4U);
  EXPECT_FALSE(test::try_read(*reader, {}));
  EXPECT_EQ(test::read_events(*reader, {.from = 7}).size(), 6U);
}

TEST(LogFollower, ReportsAManifestThatIsOlderThanTheLog) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 3);
  const auto old_manifest = machine.disk().contents(manifest_path("store"));
  append_large(*store, "s", 20);
  store.reset();
  machine.disk().put(manifest_path("store"), old_manifest);
  const auto refused = test::error_of(machine.try_open(/*read_only=*/true));
  EXPECT_EQ(refused.code, ErrorCode::Corruption);
  EXPECT_NE(refused.message.find(manifest_path("store")), std::string::npos) << refused.message;
}

TEST(LogFollower, ReadsTheRestWhereTheVersionOfASegmentRotted) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 12);
  machine.disk().flip_bit(segment_path("store", 2), 8, 2);  // positions 4 to 6
  const auto reader = machine.open_reader();
  EXPECT_EQ(test::read_events(*reader, {.to = 3}).size(), 3U);
  EXPECT_FALSE(test::try_read(*reader, {}));
}

// After a save that failed the manifest on disk may be the new one.
TEST(LogFollower, FollowsAWriterWhoseManifestWasSavedInDoubt) {
  StoreOnSimulatedDisk machine;
  const auto writer = machine.open();
  append_large(*writer, "s", 4);  // one segment is to be sealed
  machine.files().inject({.call = SimulatedFileSystem::Call::SyncDirectory, .nth = 1});
  EXPECT_FALSE(writer->step());
  ASSERT_EQ(machine.files().faults_hit(), 1U);
  const auto reader = machine.open_reader();
  for (std::uint64_t position = 5; position <= 20; ++position) {
    append_large(*writer, "s", 1);
    EXPECT_EQ(value_of(reader->head()), GlobalPosition{position});
  }
}

// The index of what is no longer written to need not stay in memory, nor in as many runs.
TEST(LogFollower, UsesThePostingFilesThatAWriterMakes) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/4);
  const auto writer = machine.open();
  LogView view;
  const auto follower = value_of(LogFollower::open(
      machine.environment(), {.folder = "store", .run_events_max = 4, .on_notice = {}}, view));
  for (int i = 0; i < 50; ++i) {
    append_large(*writer, "s", 1);
    while (writer->step()) {
    }
    value_of(follower->refresh());
  }
  const auto seen = view.snapshot();
  ASSERT_GT(seen.segments().size(), 5U);
  const auto in_memory =
      std::ranges::count_if(seen.runs(), [](const auto& run) { return run->is_in_memory(); });
  EXPECT_LE(in_memory, 2);
  EXPECT_LT(seen.runs().size(), 10U);
}

// Taking a writer's posting files must not make it forget what it knows to be lost.
TEST(LogFollower, KeepsDamageInMindWhereItTakesPostingFiles) {
  StoreOnSimulatedDisk machine(64 << 10, /*run_events_max=*/4);
  const auto writer = machine.open();
  append_large(*writer, "s", 2);
  const auto reader = machine.open_reader();
  append_large(*writer, "s", 11);
  while (writer->step()) {
  }
  const auto segment = segment_path("store", 1);
  const auto end = as_chars(machine.disk().contents(segment)).rfind("xxxx");
  machine.disk().flip_bit(segment, end - 100, 0);

  for (int look = 0; look < 3; ++look) {
    EXPECT_EQ(value_of(reader->head()), GlobalPosition{13 + static_cast<std::uint64_t>(look)});
    const auto cursor = value_of(reader->read({.selector = SelectStream{"s"}}));
    Result<std::span<const EventView>> batch;
    std::size_t events = 0;
    for (batch = cursor->next(); batch && !batch->empty(); batch = cursor->next()) {
      events += batch->size();
    }
    EXPECT_EQ(events, 12U);
    EXPECT_EQ(test::code_of(batch), ErrorCode::Corruption) << look;
    append_large(*writer, "s", 1);
  }
}

}  // namespace
}  // namespace eventstore::log
