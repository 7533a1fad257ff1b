#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

// The store of every case, by position:
//   1 order-1        Placed     tag x
//   2 $audit-1       Looked     tag x      the store's own by its stream
//   3 order-1        $Moved     tag x      the store's own by its type
//   4 order-1        Shipped    tag x
class SystemEvents : public EngineTest {
 protected:
  void SetUp() override {
    value_of(store().append({.events = {tagged_event_of("order-1", "Placed", {"x"}),
                                        tagged_event_of("$audit-1", "Looked", {"x"}),
                                        tagged_event_of("order-1", "$Moved", {"x"}),
                                        tagged_event_of("order-1", "Shipped", {"x"})},
                             .system = true}));
  }

  std::vector<std::uint64_t> positions(ReadRequest request) {
    return positions_of(read_events(store(), std::move(request)));
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, SystemEvents, testing::ValuesIn(all_engines()), engine_name);

using Positions = std::vector<std::uint64_t>;

TEST_P(SystemEvents, AreRefusedWithoutTheFlag) {
  for (const auto& event : {event_of("$s"), event_of("$$s"), event_of("s", "$T"), event_of("$")}) {
    EXPECT_EQ(code_of(store().append({.events = {event_of("order-1"), event}})),
              ErrorCode::InvalidArgument);
  }
  EXPECT_EQ(value_of(store().head()), GlobalPosition{4});
}

TEST_P(SystemEvents, TakePositionsAndVersions) {
  EXPECT_EQ(value_of(store().head()), GlobalPosition{4});
  EXPECT_EQ(versions_of(read_stream(store(), "order-1")), (Positions{1, 2, 3}));
  EXPECT_EQ(positions_of(read_everything(store())), (Positions{1, 2, 3, 4}));
}

TEST_P(SystemEvents, AreLeftOutOfAllCategoryAndQueryReads) {
  EXPECT_EQ(positions({}), (Positions{1, 4}));
  EXPECT_EQ(positions({.direction = Direction::Backwards}), (Positions{4, 1}));
  EXPECT_EQ(positions({.selector = SelectCategory{"order"}}), (Positions{1, 4}));
  EXPECT_EQ(positions({.selector = SelectCategory{"$audit"}}), Positions{});
  EXPECT_EQ(positions({.selector = Query::of({{.tags = {"x"}}})}), (Positions{1, 4}));
  EXPECT_EQ(positions({.selector = Query::of({{.types = {"$Moved", "Looked"}}})}), Positions{});
  EXPECT_EQ(positions({.selector = Query::everything()}), (Positions{1, 4}));
  EXPECT_EQ(positions({.types = {"$Moved", "Looked"}}), Positions{});
  EXPECT_EQ(positions({.stream_prefix = "$audit"}), Positions{});
}

TEST_P(SystemEvents, AreReadWhereTheyAreAskedFor) {
  EXPECT_EQ(positions({.include_system = true}), (Positions{1, 2, 3, 4}));
  EXPECT_EQ(positions({.direction = Direction::Backwards, .include_system = true}),
            (Positions{4, 3, 2, 1}));
  EXPECT_EQ(positions({.selector = SelectCategory{"order"}, .include_system = true}),
            (Positions{1, 3, 4}));
  EXPECT_EQ(positions({.selector = SelectCategory{"$audit"}, .include_system = true}),
            (Positions{2}));
  EXPECT_EQ(positions({.selector = Query::of({{.tags = {"x"}}}), .include_system = true}),
            (Positions{1, 2, 3, 4}));
  EXPECT_EQ(positions({.selector = Query::of({{.types = {"$Moved"}}}), .include_system = true}),
            (Positions{3}));
  EXPECT_EQ(positions({.types = {"Looked"}, .include_system = true}), (Positions{2}));
}

TEST_P(SystemEvents, AreReadWithTheirStream) {
  EXPECT_EQ(positions_of(read_stream(store(), "order-1")), (Positions{1, 3, 4}));
  EXPECT_EQ(positions_of(read_stream(store(), "$audit-1")), (Positions{2}));
}

TEST_P(SystemEvents, CountInTheLimitOfNoReadThatLeavesThemOut) {
  EXPECT_EQ(positions({.limit = 2}), (Positions{1, 4}));
  EXPECT_EQ(positions({.from = 2, .limit = 1}), (Positions{4}));
}

TEST_P(SystemEvents, AreNotMadeByTheFlagAlone) {
  value_of(store().append({.events = {event_of("plain")}, .system = true}));
  EXPECT_EQ(positions({.from = 5}), (Positions{5}));
}

TEST_P(SystemEvents, HaveStreamsThatAreListedWhereAskedFor) {
  const auto names = [&](ListStreamsRequest request) {
    std::vector<std::string> found;
    for (const auto& info : value_of(store().list_streams(request))) found.push_back(info.stream);
    return found;
  };
  EXPECT_EQ(names({}), (std::vector<std::string>{"order-1"}));
  EXPECT_EQ(names({.include_system = true}), (std::vector<std::string>{"$audit-1", "order-1"}));
  EXPECT_EQ(names({.prefix = "$"}), (std::vector<std::string>{}));
  EXPECT_EQ(names({.prefix = "$", .include_system = true}), (std::vector<std::string>{"$audit-1"}));
}

}  // namespace
}  // namespace eventstore::test
