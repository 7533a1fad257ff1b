#include "postgres/remembered_state.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/posix_environment.hpp"
#include "support/store_access.hpp"

namespace eventstore::postgres {
namespace {

using test::append_to;

constexpr Month kMonth{202611};

class RememberedStateTest : public testing::Test {
 protected:
  // A group that found the head at `found` and left a stream at a version.
  void learn(std::uint64_t found, std::uint64_t head, const std::string& stream,
             std::uint64_t version) {
    StoredState left{.last_month = kMonth, .head = {head}};
    left.streams.emplace(stream, StoredStream{.id = 1, .version = {version}, .month = kMonth});
    remembered_.learn({found}, {}, left);
  }

  std::optional<StoredState> recall(std::vector<AppendRequest> requests) {
    appends_.clear();
    std::vector<Pending*> group;
    for (auto& request : requests) {
      appends_.emplace_back(
          new Pending{.append = PreparedAppend(std::move(request), posix_environment())});
      group.push_back(appends_.back().get());
    }
    return remembered_.recall(group);
  }

  // Three groups that nobody disturbed, which left stream a at version 3 and the head at 3.
  void learn_alone() {
    learn(0, 1, "a", 1);
    learn(1, 2, "a", 2);
    learn(2, 3, "a", 3);
  }

  RememberedState remembered_;
  std::vector<std::unique_ptr<Pending>> appends_;
};

TEST_F(RememberedStateTest, RecallsNothingBeforeItHasLearned) {
  EXPECT_FALSE(recall({append_to("a")}));
}

TEST_F(RememberedStateTest, RecallsWhatTheLastGroupsLeft) {
  learn_alone();
  const auto state = recall({append_to("a", ExpectedVersion::exactly({3}))});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->head, GlobalPosition{3});
  EXPECT_EQ(state->last_month, kMonth);
  EXPECT_EQ(state->streams.at("a").version, StreamVersion{3});
}

TEST_F(RememberedStateTest, KnowsNothingOfOtherStreams) {
  learn_alone();
  EXPECT_FALSE(recall({append_to("b")}));
  EXPECT_FALSE(recall({append_to("a"), append_to("b")}));
  EXPECT_FALSE(recall({{.checks = {{"b", ExpectedVersion::stream_exists()}}}}));
}

TEST_F(RememberedStateTest, BelievesThatAStreamIsNewWhichIsExpectedToBe) {
  learn_alone();
  const auto state = recall({append_to("b", ExpectedVersion::no_stream())});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->streams.at("b").id, 0);
}

TEST_F(RememberedStateTest, LeavesConditionsOnWhatIsStoredToTheServer) {
  learn_alone();
  auto request = append_to("a");
  request.condition = AppendCondition{.query = Query::of({{.types = {"T"}}}), .after = {2}};
  EXPECT_FALSE(recall({request}));
  request.condition->after = {3};
  EXPECT_TRUE(recall({request}));
}

TEST_F(RememberedStateTest, LeavesWhatStatesBoundsToTheServer) {
  learn_alone();
  AppendRequest request;
  request.events.push_back(test::event_of("$$a", "$metadata"));
  request.events.back().data = R"({"$maxCount":1})";
  request.system = true;
  EXPECT_FALSE(recall({request}));
}

TEST_F(RememberedStateTest, RecallsNothingWhereOthersAppendToo) {
  learn_alone();
  learn(5, 6, "a", 4);
  EXPECT_FALSE(recall({append_to("a")}));
  learn(6, 7, "b", 1);
  learn(7, 8, "b", 2);
  // By now it is alone again; of the streams before it knows nothing.
  EXPECT_TRUE(recall({append_to("b")}));
  EXPECT_FALSE(recall({append_to("c")}));
}

TEST_F(RememberedStateTest, IsMoreCarefulEachTimeThatItWasWrong) {
  learn_alone();
  remembered_.forget();
  EXPECT_FALSE(recall({append_to("a")}));
  learn(10, 11, "a", 8);
  for (std::uint64_t group = 0; group < 3; ++group) {
    learn(11 + group, 12 + group, "a", 9 + group);
    EXPECT_FALSE(recall({append_to("a")})) << group;
  }
  learn(14, 15, "a", 12);
  EXPECT_TRUE(recall({append_to("a")}));
}

TEST_F(RememberedStateTest, ForgetsTheStreamsThatWereNotAppendedToForLongest) {
  learn_alone();
  std::uint64_t head = 3;
  const auto learn_others = [&](int count) {
    for (int stream = 0; stream < count; ++stream, ++head) {
      learn(head, head + 1, "other-" + std::to_string(head), 1);
    }
  };
  learn_others(20'000);
  EXPECT_TRUE(recall({append_to("a")}));
  learn_others(20'000);
  EXPECT_FALSE(recall({append_to("a")}));
}

}  // namespace
}  // namespace eventstore::postgres
