#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

class Cursors : public EngineTest {
 protected:
  // Appends `count` events whose data has about a kilobyte and tells which it is.
  void fill(std::size_t count) {
    for (std::size_t index = 0; index < count; ++index) {
      NewEvent event = event_of("s-" + std::to_string(index % 3), "T", id_of(++made_));
      event.data = '"' + std::string(1000, 'd') + std::to_string(made_) + '"';
      value_of(store().append({.events = {event}}));
    }
  }

  std::vector<std::uint64_t> rest_of(Cursor& cursor) {
    std::vector<std::uint64_t> positions;
    for (;;) {
      const auto batch = value_of(cursor.next());
      if (batch.empty()) return positions;
      for (const auto& event : batch) positions.push_back(event.position.value);
    }
  }

 private:
  std::uint64_t made_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, Cursors, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Cursors, ReportTheHeadTheyWereOpenedAt) {
  EXPECT_EQ(value_of(store().read({}))->head(), GlobalPosition{0});
  fill(3);
  const auto cursor = value_of(store().read({.to = 1}));
  EXPECT_EQ(cursor->head(), GlobalPosition{3});
  fill(1);
  EXPECT_EQ(cursor->head(), GlobalPosition{3});
}

TEST_P(Cursors, SeeTheStoreAsItWasWhenTheyWereOpened) {
  reopen({.segment_bytes_max = 64 << 10});
  fill(100);
  const std::vector<ReadRequest> requests = {
      {},
      {.direction = Direction::Backwards},
      {.selector = SelectStream{"s-1"}},
      {.selector = SelectCategory{"s"}},
      {.selector = Query::of({{.types = {"T"}}})},
      {.selector = SelectStream{"s-1"}, .direction = Direction::Backwards},
  };
  std::vector<std::unique_ptr<Cursor>> cursors;
  std::vector<std::vector<std::uint64_t>> expected;
  for (const auto& request : requests) {
    expected.push_back(positions_of(read_events(store(), request)));
    cursors.push_back(value_of(store().read(request)));
  }
  fill(150);  // more than a segment
  for (std::size_t index = 0; index < cursors.size(); ++index) {
    EXPECT_EQ(rest_of(*cursors[index]), expected[index]) << "request " << index;
  }
}

TEST_P(Cursors, KeepTheirViewsUntilTheNextCall) {
  reopen({.segment_bytes_max = 64 << 10});
  fill(40);
  for (const bool copy : {false, true}) {
    const auto cursor = value_of(store().read({.copy = copy}));
    const auto batch = value_of(cursor->next());
    ASSERT_FALSE(batch.empty());
    const std::vector<RecordedEvent> before(batch.begin(), batch.end());
    fill(150);  // rolls segments, and seals the one the views point into
    const std::vector<RecordedEvent> after(batch.begin(), batch.end());
    EXPECT_EQ(before, after);
  }
}

TEST_P(Cursors, StayAtTheirEnd) {
  fill(2);
  const auto cursor = value_of(store().read({}));
  EXPECT_EQ(rest_of(*cursor).size(), 2u);
  fill(1);
  EXPECT_TRUE(value_of(cursor->next()).empty());
  EXPECT_TRUE(value_of(cursor->next()).empty());
}

TEST_P(Cursors, CanBeGivenUpBeforeTheirEnd) {
  reopen({.segment_bytes_max = 64 << 10});
  fill(200);
  for (int round = 0; round < 20; ++round) {
    const auto cursor = value_of(store().read({}));
    EXPECT_FALSE(value_of(cursor->next()).empty());
  }
}

TEST_P(Cursors, DoNotDisturbEachOther) {
  fill(60);
  const auto one = value_of(store().read({}));
  const auto other = value_of(store().read({.direction = Direction::Backwards}));
  const auto batch = value_of(one->next());
  const std::vector<RecordedEvent> before(batch.begin(), batch.end());
  EXPECT_EQ(rest_of(*other).size(), 60u);
  EXPECT_EQ(std::vector<RecordedEvent>(batch.begin(), batch.end()), before);
}

TEST_P(Cursors, ReadEventsLargerThanABatch) {
  NewEvent large{.stream = "large",
                 .type = "T",
                 .data = std::string(9 << 20, 'x'),
                 .format = PayloadFormat::Binary};
  for (int round = 0; round < 3; ++round) {
    value_of(store().append({.events = {large, event_of("small")}}));
  }
  for (const bool copy : {false, true}) {
    const auto events = read_events(store(), {.copy = copy});
    ASSERT_EQ(events.size(), 6u);
    for (std::size_t index = 0; index < events.size(); index += 2) {
      EXPECT_TRUE(events[index].data == large.data) << index;
    }
  }
}

}  // namespace
}  // namespace eventstore::test
