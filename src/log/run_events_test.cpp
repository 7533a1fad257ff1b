#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/codec.hpp"
#include "log/folder.hpp"
#include "log/log_scan.hpp"
#include "log/log_store_test_support.hpp"
#include "log/run_files.hpp"

namespace eventstore::log {
namespace {

using test::positions_of;
using test::value_of;

using Positions = std::vector<std::uint64_t>;

// What a read gives before it fails, if it does.
struct Outcome {
  Positions positions;
  std::optional<DamageDetails> damage;
};

Outcome read_until_damage(EventStore& store, ReadRequest request) {
  const auto cursor = value_of(store.read(std::move(request)));
  Outcome outcome;
  for (;;) {
    const auto batch = cursor->next();
    if (!batch) {
      outcome.damage = test::details_of<DamageDetails>(batch.error());
      return outcome;
    }
    if (batch->empty()) return outcome;
    for (const auto& event : *batch) outcome.positions.push_back(event.position.value);
  }
}

// A store of nine events of one stream, each its own append, with some of them damaged.
class DamagedStore : public testing::TestWithParam<bool> {
 protected:
  DamagedStore() {
    auto store = machine_.open();
    for (int position = 1; position <= 9; ++position) {
      auto event = test::event_of("s");
      event.data = "\"<" + std::to_string(position) + ">\"";
      AppendRequest request;
      request.events.push_back(std::move(event));
      value_of(store->append(std::move(request)));
    }
    if (GetParam()) {  // the damaged segment is a sealed one, whose posting file is lost as well
      append_large(*store, "other", 20);
      while (store->step()) {
      }
      store.reset();
      remove_posting_files(machine_.disk());
    }
  }

  void damage(int position) {
    const auto path = segment_path("store", 1);
    const auto bytes = machine_.disk().contents(path);
    const auto at = as_chars(bytes).find("<" + std::to_string(position) + ">");
    machine_.disk().flip_bit(path, at, 0);
  }

  static ReadRequest stream(Direction direction, std::optional<std::uint64_t> from = {},
                            std::optional<std::uint64_t> limit = {}) {
    return {.selector = SelectStream{"s"}, .direction = direction, .from = from, .limit = limit};
  }

  StoreOnSimulatedDisk machine_;
};
std::string segment_kind(const testing::TestParamInfo<bool>& info) {
  return info.param ? "Sealed" : "Active";
}
INSTANTIATE_TEST_SUITE_P(Segments, DamagedStore, testing::Bool(), segment_kind);

TEST_P(DamagedStore, EndsAReadWhereItsDamageBegins) {
  damage(5);
  const auto reader = machine_.open_reader();
  const auto forwards = read_until_damage(*reader, stream(Direction::Forwards));
  EXPECT_EQ(forwards.positions, (Positions{1, 2, 3, 4}));
  ASSERT_TRUE(forwards.damage);
  EXPECT_EQ(forwards.damage->first_position, GlobalPosition{5});
  EXPECT_EQ(forwards.damage->last_position, GlobalPosition{5});

  const auto backwards = read_until_damage(*reader, stream(Direction::Backwards));
  EXPECT_EQ(backwards.positions, (Positions{9, 8, 7, 6}));
  EXPECT_TRUE(backwards.damage);
}

TEST_P(DamagedStore, NeverLeavesOutADamagedEventOfALimitedRead) {
  damage(5);
  const auto reader = machine_.open_reader();
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    const auto outcome = read_until_damage(*reader, stream(direction, {}, 6));
    EXPECT_EQ(outcome.positions.size(), 4U);
    EXPECT_TRUE(outcome.damage);
  }
  EXPECT_FALSE(read_until_damage(*reader, stream(Direction::Forwards, {}, 4)).damage);
  EXPECT_FALSE(read_until_damage(*reader, stream(Direction::Backwards, {}, 4)).damage);
}

TEST_P(DamagedStore, EndsAReadAtEachOfSeveralPlaces) {
  damage(3);
  damage(6);
  const auto reader = machine_.open_reader();
  const auto read = [&](Direction direction, std::uint64_t from) {
    return read_until_damage(
        *reader, {.selector = SelectCategory{"s"}, .direction = direction, .from = from});
  };
  const auto first = read(Direction::Forwards, 1);
  EXPECT_EQ(first.positions, (Positions{1, 2}));
  EXPECT_TRUE(first.damage);
  const auto second = read(Direction::Forwards, 4);
  EXPECT_EQ(second.positions, (Positions{4, 5}));
  EXPECT_TRUE(second.damage);
  const auto rest = read(Direction::Forwards, 7);
  EXPECT_EQ(rest.positions, (Positions{7, 8, 9}));
  EXPECT_FALSE(rest.damage);

  const auto back = read(Direction::Backwards, 5);
  EXPECT_EQ(back.positions, (Positions{5, 4}));
  EXPECT_TRUE(back.damage);
  EXPECT_EQ(read(Direction::Backwards, 2).positions, (Positions{2, 1}));
  EXPECT_FALSE(read(Direction::Backwards, 2).damage);
}

// Checksums hold, but the index names another event: only the event tells.
TEST(DamagedSegment, NeverGivesAnotherEventThanTheOneAskedFor) {
  StoreOnSimulatedDisk machine(64 << 10, /*run_events_max=*/4);
  auto store = machine.open();
  append_large(*store, "s", 8);
  while (store->step()) {
  }
  store.reset();
  // Of the posting file of the first run, made again with two offsets swapped.
  const auto manifest = value_of(load_manifest(machine.files(), "store"));
  const auto run_file = value_of(list_run_files(machine.files(), "store")).front();
  ASSERT_EQ(run_file.first_position, GlobalPosition{1});
  const auto path = segment_path("store", 1);
  const auto bytes = machine.disk().contents(path);
  const auto header = value_of(decode_segment_header(bytes, path));
  const SegmentList segments = {
      std::make_shared<Segment>(header, path, machine.files(), bytes.size())};
  RunBuilder builder({.folder = "store", .on_notice = {}}, manifest.index_secret, {1});
  static_cast<void>(scan_frames(bytes, header.seed(), path, ScanState::at_start_of(header),
                                run_file.last_position, builder));
  auto contents = builder.index().contents(run_identity(
      segments, run_file.first_position, run_file.last_position, manifest.index_secret));
  std::vector<std::uint32_t> swapped(contents.offsets.begin(), contents.offsets.end());
  swapped.resize(run_file.last_position.value);
  std::swap(swapped.at(0), swapped.at(1));
  contents.offsets = swapped;
  machine.disk().put(run_file.path("store"), encode_posting_file(contents));

  const auto reader = machine.open_reader();
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    const auto outcome =
        read_until_damage(*reader, {.selector = SelectStream{"s"}, .direction = direction});
    EXPECT_EQ(outcome.positions.size(), direction == Direction::Forwards ? 0U : 6U);
    EXPECT_TRUE(outcome.damage);
  }
}

// The seal stands where the frame should that it follows: it ends no read.
TEST(DamagedSegment, TakesNoFrameForTheOneInWhosePlaceItStands) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 8);
  while (store->step()) {
  }
  store.reset();
  const auto path = segment_path("store", 1);
  const auto sealed = value_of(load_manifest(machine.files(), "store")).segments.front();
  const auto bytes = machine.disk().contents(path);
  machine.disk().overwrite(
      path, kSegmentHeaderBytes,
      std::span(bytes).subspan(sealed.bytes - kFrameHeaderBytes, kFrameHeaderBytes));
  EXPECT_EQ(test::code_of(test::try_read(*machine.open_reader(), {})), ErrorCode::Corruption);
}

// What is known to be lost further on is not what such a read meets.
TEST(DamagedSegment, NamesTheDamageThatIsMetAndNoneThatLiesBehindIt) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  for (const char* const stream : {"a", "new-damage", "b", "known-damage", "c"}) {
    value_of(store->append(test::append_to(stream)));
  }
  store.reset();
  const auto path = segment_path("store", 1);
  const auto damage = [&](std::string_view stream) {
    machine.disk().flip_bit(path, as_chars(machine.disk().contents(path)).find(stream), 0);
  };
  damage("known-damage");
  const auto reader = machine.open_reader();
  damage("new-damage");  // after the segment was scanned

  for (const auto& selector : {Selector(SelectAll{}), Selector(SelectCategory{"new"})}) {
    const auto outcome = read_until_damage(*reader, {.selector = selector});
    ASSERT_TRUE(outcome.damage);
    EXPECT_EQ(outcome.damage->first_position, GlobalPosition{2});
    EXPECT_EQ(outcome.damage->last_position, GlobalPosition{2});
  }
}

// Versions without a gap tell that nothing of a stream is lost.
TEST(DamagedSegment, KeepsTheStreamsReadableThatLostNothing) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  for (const char* const stream : {"a", "lost", "a"}) {
    value_of(store->append(test::append_to(stream)));
  }
  store.reset();
  const auto path = segment_path("store", 1);
  machine.disk().flip_bit(path, as_chars(machine.disk().contents(path)).find("lost"), 0);

  const auto reader = machine.open_reader();
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    const auto kept =
        read_until_damage(*reader, {.selector = SelectStream{"a"}, .direction = direction});
    EXPECT_EQ(kept.positions.size(), 2U);
    EXPECT_FALSE(kept.damage);
    const auto lost =
        read_until_damage(*reader, {.selector = SelectStream{"lost"}, .direction = direction});
    EXPECT_TRUE(lost.positions.empty());
    EXPECT_TRUE(lost.damage);
  }
}

}  // namespace
}  // namespace eventstore::log
