#include "postgres/optimistic_group.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/posix_environment.hpp"
#include "eventstore/open.hpp"
#include "postgres/url.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::postgres {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using test::append_to;
using test::event_of;
using test::value_of;

Deadline soon() {
  return std::chrono::steady_clock::now() + 30s;
}

// A store with an event in stream a, and groups that are stored behind its back.
class OptimisticGroupTest : public testing::Test {
 protected:
  OptimisticGroupTest() {
    value_of(store_->append(append_to("a")));
    auto loaded = months_.load(*connection_, schema_, soon());
    if (!loaded) throw std::runtime_error(loaded.error().message);
  }
  ~OptimisticGroupTest() override {
    store_.reset();
    test::remove_postgres_store(url_);
  }

  // Absent: the group is not for this, or was not stored.
  std::optional<OptimisticGroup::Stored> store(std::vector<AppendRequest> requests,
                                               RecordingTime::Window window = around_now()) {
    std::vector<std::unique_ptr<Pending>> pending;
    std::vector<Pending*> group;
    for (auto& request : requests) {
      pending.emplace_back(
          new Pending{.append = PreparedAppend(std::move(request), posix_environment())});
      group.push_back(pending.back().get());
    }
    const auto made = OptimisticGroup::of(group);
    if (!made) return std::nullopt;
    const auto months = months_.list();
    const GroupPlace place{.month = months->months.back(), .window = window, .attempt = 7};
    const auto call = made->call(place, statements_);
    const auto rows = connection_->run(call, soon());
    if (!rows) {
      refusal_ = rows.error().sqlstate;
      return std::nullopt;
    }
    return made->take(*rows, place.month.month);
  }

  static RecordingTime::Window around_now() {
    const auto now = posix_environment().clock->wall_now();
    return {.begin = now - 1h, .end = now + 1h};
  }
  std::uint64_t head() { return value_of(store_->head()).value; }

  test::TemporaryDirectory folder_;
  const std::string url_ = test::postgres_store_url(folder_.path().string());
  std::unique_ptr<EventStore> store_ = value_of(open(url_));
  const std::string schema_ = postgres::quote_identifier(parse_store_url(url_)->schema);
  std::unique_ptr<Connection> connection_ =
      *Connection::open({.uri = parse_store_url(url_)->uri}, soon());
  KnownMonths months_;
  Statements statements_{schema_};
  std::string refusal_;
};

TEST_F(OptimisticGroupTest, StoresWhatIsPlain) {
  const auto stored = store({append_to("a", ExpectedVersion::exactly({1}), 2),
                             append_to("b", ExpectedVersion::no_stream()),
                             append_to("a", ExpectedVersion::stream_exists()),
                             {.checks = {{"b", ExpectedVersion::exactly({1})}}}});
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->left.head, GlobalPosition{5});
  ASSERT_EQ(stored->results.size(), 4U);
  EXPECT_EQ(stored->results[0].first_position, GlobalPosition{2});
  EXPECT_EQ(stored->results[0].last_position, GlobalPosition{3});
  EXPECT_EQ(stored->results[0].streams, (std::vector<StreamOutcome>{{"a", {3}}}));
  EXPECT_EQ(stored->results[1].streams, (std::vector<StreamOutcome>{{"b", {1}}}));
  EXPECT_EQ(stored->results[2].first_position, GlobalPosition{5});
  EXPECT_EQ(stored->results[2].streams, (std::vector<StreamOutcome>{{"a", {4}}}));
  EXPECT_EQ(stored->results[3].last_position, GlobalPosition{5});
  EXPECT_EQ(test::versions_of(test::read_stream(*store_, "a")),
            (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(test::positions_of(test::read_events(*store_)),
            (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(value_of(store_->verify()).findings.empty());
}

TEST_F(OptimisticGroupTest, StoresTagsThatQueriesFind) {
  ASSERT_TRUE(store({{.events = {test::tagged_event_of("a", "T", {"x", "y", "x"})}}}));
  const auto found = test::read_events(*store_, {.selector = Query::of({{.tags = {"x", "y"}}})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].tags, (std::vector<std::string>{"x", "y", "x"}));
}

TEST_F(OptimisticGroupTest, StoresNothingWhereOneMemberDoesNotHold) {
  for (const auto& expected : {ExpectedVersion::exactly({2}), ExpectedVersion::no_stream(),
                               ExpectedVersion::exactly({7})}) {
    EXPECT_FALSE(store({append_to("c"), append_to("a", expected)}));
  }
  EXPECT_FALSE(store({append_to("none", ExpectedVersion::stream_exists())}));
  EXPECT_EQ(head(), 1U);
}

TEST_F(OptimisticGroupTest, LeavesMembersThatContradictEachOther) {
  EXPECT_FALSE(store({append_to("a", ExpectedVersion::exactly({1})),
                      append_to("a", ExpectedVersion::exactly({1}))}));
  EXPECT_FALSE(store({{.checks = {{"n", ExpectedVersion::stream_exists()}}},
                      append_to("n", ExpectedVersion::no_stream())}));
  EXPECT_EQ(head(), 1U);
}

TEST_F(OptimisticGroupTest, LeavesWhatNeedsASecondLook) {
  EXPECT_FALSE(store({{.condition = AppendCondition{Query::everything(), {1}}}}));
  EXPECT_FALSE(store({{.events = {event_of("a", "$tombstone")}, .system = true}}));
  value_of(store_->truncate_stream("a", {2}, ExpectedVersion::any()));
  EXPECT_FALSE(store({append_to("a")}));
  EXPECT_EQ(head(), 2U);
}

TEST_F(OptimisticGroupTest, StoresNoIdTwice) {
  ASSERT_TRUE(store({{.events = {event_of("a", "T", test::id_of(1))}}}));
  EXPECT_FALSE(store({append_to("b"), {.events = {event_of("a", "T", test::id_of(1))}}}));
  EXPECT_EQ(refusal_, "23505");
  EXPECT_EQ(head(), 2U);
}

TEST_F(OptimisticGroupTest, StoresNothingOutsideOfTheWindow) {
  const auto now = posix_environment().clock->wall_now();
  EXPECT_FALSE(store({append_to("a")}, {.begin = now + 1h, .end = now + 2h}));
  EXPECT_FALSE(store({append_to("a")}, {.begin = now - 2h, .end = now - 1h}));
  EXPECT_EQ(head(), 1U);
}

}  // namespace
}  // namespace eventstore::postgres
