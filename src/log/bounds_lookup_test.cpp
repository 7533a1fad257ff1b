#include "log/bounds_lookup.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/husk_test_support.hpp"
#include "log/log_store_test_support.hpp"
#include "log/posting_test_support.hpp"
#include "log/run_files.hpp"

namespace eventstore::log {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using test::append_to;
using test::code_of;
using test::positions_of;
using test::read_events;
using test::read_stream;
using test::value_of;
using test::versions_of;
using Numbers = std::vector<std::uint64_t>;

const auto kAny = ExpectedVersion::any();

// A store with one event of stream s an hour, six of them, with a few segments between.
class MaxAge : public testing::Test {
 protected:
  MaxAge() {
    store_ = machine_.open();
    for (int hour = 0; hour < 6; ++hour) {
      value_of(store_->append(append_to("s")));
      if (hour % 2 == 0) append_large(*store_, "other", 9);
      machine_.clock().advance(1h);
    }
  }

  Numbers versions(Direction direction = Direction::Forwards) {
    return versions_of(
        read_events(*store_, {.selector = SelectStream{"s"}, .direction = direction}));
  }
  void retain(const Retention& retention) { value_of(store_->set_retention("s", retention, kAny)); }
  StreamInfo info() { return *value_of(store_->stream_info("s")); }

  StoreOnSimulatedDisk machine_;
  StoreOnSimulatedDisk::Opened store_;
};

TEST_F(MaxAge, HidesWhatIsOlder) {
  retain({.max_age = 2h + 1800s});
  EXPECT_EQ(versions(), (Numbers{5, 6}));
  EXPECT_EQ(versions(Direction::Backwards), (Numbers{6, 5}));
  EXPECT_EQ(info().first_version, StreamVersion{5});
  EXPECT_EQ(info().events, 2u);
  machine_.clock().advance(1h);
  EXPECT_EQ(versions(), (Numbers{6}));
  EXPECT_EQ(read_events(*store_, {.selector = SelectCategory{"s"}}).size(), 6u);
}

TEST_F(MaxAge, HidesWhatIsOlderWhereverItLies) {
  for (int hours = 1; hours <= 7; ++hours) {
    const auto store = machine_.open_reader();
    store_->set_retention("s", {.max_age = std::chrono::seconds{(8 - hours) * 3600 - 1800}}, kAny)
        .value();
    Numbers expected;
    for (int hour = hours; hour <= 6; ++hour) expected.push_back(static_cast<std::uint64_t>(hour));
    EXPECT_EQ(versions_of(read_stream(*store, "s")), expected) << hours;
  }
}

TEST_F(MaxAge, MayHideAllOfAStreamThatIsThere) {
  retain({.max_age = 10s});
  EXPECT_TRUE(versions().empty());
  EXPECT_EQ(info().state, StreamState::Live);
  EXPECT_EQ(info().events, 0u);
  EXPECT_EQ(info().first_version, StreamVersion{7});
  EXPECT_TRUE(store_->append(append_to("s", ExpectedVersion::stream_exists())).has_value());
  EXPECT_EQ(versions(), (Numbers{7}));
}

TEST_F(MaxAge, BringsNothingBackWhenItIsRelaxed) {
  retain({.max_age = 2h + 1800s});
  retain({.max_age = 100h});
  EXPECT_EQ(versions(), (Numbers{5, 6}));
  EXPECT_EQ(value_of(store_->stream_metadata("s")).truncate_before, StreamVersion{5});
  machine_.clock().advance(1h);
  EXPECT_EQ(versions(), (Numbers{5, 6}));
}

TEST_F(MaxAge, IsNotRelaxedByMetadataThatIsAppended) {
  retain({.max_age = 2h + 1800s});
  const auto append = [&](std::string json) {
    auto event = test::event_of("$$s", "$metadata");
    event.data = std::move(json);
    return store_->append({.events = {event}, .system = true});
  };
  EXPECT_EQ(code_of(append(R"({"$maxAge":900000})")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append(R"({"$maxAge":900000,"$tb":4})")), ErrorCode::InvalidArgument);
  EXPECT_EQ(code_of(append(R"({"$tb":4})")), ErrorCode::InvalidArgument);
  EXPECT_TRUE(append(R"({"$maxAge":5000})").has_value());
  EXPECT_EQ(code_of(append(R"({"$tb":5})")), ErrorCode::InvalidArgument);
  EXPECT_TRUE(append(R"({"$tb":6})").has_value());
  EXPECT_EQ(versions(), (Numbers{6}));
}

TEST_F(MaxAge, DoesNotGoBackWithTheClock) {
  retain({.max_age = 2h + 1800s});
  machine_.clock().set_wall(machine_.clock().wall_now() - 5h);
  EXPECT_EQ(versions(), (Numbers{5, 6}));
  retain({});
  EXPECT_EQ(versions(), (Numbers{5, 6}));
}

// Streams a and b, four events each: a at 1, 3, 5, 7, b at 2, 4, 6, 8; then some of them deleted.
class Husks : public testing::Test {
 protected:
  void make(const Deleted& deleted) {
    {
      const auto store = machine_.open();
      for (std::uint64_t round = 0; round < 4; ++round) {
        value_of(store->append({.events = {event("a", 2 * round + 1), event("b", 2 * round + 2)}}));
      }
    }
    remove_posting_files(machine_.disk());
    const auto path = segment_path("store", 1);
    machine_.disk().put(path, without_deleted(machine_.disk().contents(path), deleted));
    store_ = machine_.open();
  }

  static NewEvent event(std::string stream, std::uint64_t number) {
    auto event = test::tagged_event_of(std::move(stream), "Happened", {"x"});
    event.id = test::id_of(number);
    return event;
  }
  Numbers positions(ReadRequest request) {
    return positions_of(read_events(*store_, std::move(request)));
  }

  StoreOnSimulatedDisk machine_{8192, /*run_events_max=*/8};
  StoreOnSimulatedDisk::Opened store_;
};

TEST_F(Husks, AreLeftOutOfEveryRead) {
  make({.husks = {1, 3, 2, 4, 6, 8}, .holes = {}});
  const Numbers left = {5, 7};
  EXPECT_EQ(positions({}), left);
  EXPECT_EQ(positions({.direction = Direction::Backwards}), (Numbers{7, 5}));
  EXPECT_EQ(positions({.selector = SelectStream{"a"}}), left);
  EXPECT_EQ(positions({.selector = SelectStream{"b"}}), Numbers{});
  EXPECT_EQ(positions({.selector = SelectCategory{"a"}}), left);
  EXPECT_EQ(positions({.selector = Query::of({{.tags = {"x"}}})}), left);
  EXPECT_EQ(positions({.selector = Query::everything()}), left);
  EXPECT_EQ(positions({.types = {"Happened"}}), left);
  EXPECT_EQ(positions({.include_system = true}), left);
}

TEST_F(Husks, KeepTheVersionsAndIdsOfTheirStreams) {
  make({.husks = {1, 3, 2, 4, 6, 8}, .holes = {}});
  EXPECT_EQ(value_of(store_->find("b", std::vector{test::id_of(8)})).front(),
            (EventLocation{.position = {8}, .version = {4}}));
  EXPECT_TRUE(value_of(store_->append({.events = {event("b", 8)}})).repeated);
  EXPECT_EQ(value_of(store_->append(append_to("b"))).streams.front().version, StreamVersion{5});
  EXPECT_EQ(value_of(store_->append(append_to("a"))).streams.front().version, StreamVersion{5});
  EXPECT_TRUE(value_of(store_->verify()).findings.empty());
}

TEST_F(Husks, CountInNoStream) {
  make({.husks = {3, 8}, .holes = {1, 2, 4, 6}});
  const StreamInfo a{.stream = "a",
                     .version = {4},
                     .first_version = {3},
                     .events = 2,
                     .first_position = {5},
                     .last_position = {7}};
  const StreamInfo b{.stream = "b",
                     .version = {4},
                     .first_version = {5},
                     .events = 0,
                     .first_position = {0},
                     .last_position = {8}};
  EXPECT_EQ(value_of(store_->stream_info("a")), a);
  EXPECT_EQ(value_of(store_->stream_info("b")), b);
  EXPECT_EQ(value_of(store_->list_streams({})), (std::vector<StreamInfo>{a, b}));
}

TEST_F(Husks, MatchNoCondition) {
  make({.husks = {1, 2}, .holes = {3, 4, 5, 6, 7, 8}});
  EXPECT_TRUE(store_->append({.condition = AppendCondition{Query::everything(), {0}}}).has_value());
}

TEST_F(Husks, LieInPostingFilesToo) {
  make({.husks = {3, 2, 4, 6, 8}, .holes = {1}});
  append_large(*store_, "other", 20);
  while (store_->step()) {
  }
  ASSERT_GT(value_of(list_run_files(machine_.files(), "store")).size(), 1U);
  store_ = nullptr;
  store_ = machine_.open();
  EXPECT_EQ(versions_of(read_stream(*store_, "a")), (Numbers{3, 4}));
  EXPECT_EQ(value_of(store_->stream_info("a"))->first_position, GlobalPosition{5});
  EXPECT_EQ(value_of(store_->stream_info("b"))->events, 0u);
  EXPECT_EQ(value_of(store_->stream_info("b"))->version, StreamVersion{4});
  EXPECT_TRUE(value_of(store_->verify()).findings.empty());
}

// What was kept of a stream may be more by now, which damage makes forgotten.
TEST(DamagedBounds, HideNothingByARetentionThatMayHaveBeenRelaxed) {
  StoreOnSimulatedDisk machine;
  {
    const auto store = machine.open();
    append_large(*store, "s", 2);
    value_of(store->set_retention("s", {.max_count = 1}, kAny));
    append_large(*store, "other", 6);
    value_of(store->set_retention("s", {}, kAny));
    append_large(*store, "s", 2);
    append_large(*store, "other", 6);
    EXPECT_EQ(versions_of(read_stream(*store, "s")), (Numbers{2, 3, 4}));
  }
  int damaged = 0;
  for (const auto& path : machine.disk().files()) {
    const std::string bytes(as_chars(machine.disk().contents(path)));
    const auto at = bytes.find(R"({"$tb":2})");
    if (!path.ends_with(".seg") || at == std::string::npos) continue;
    machine.disk().flip_bit(path, at, 0);
    ++damaged;
  }
  ASSERT_EQ(damaged, 1);
  remove_posting_files(machine.disk());
  EXPECT_EQ(versions_of(read_stream(*machine.open_reader(), "s")), (Numbers{1, 2, 3, 4}));
}

}  // namespace
}  // namespace eventstore::log
