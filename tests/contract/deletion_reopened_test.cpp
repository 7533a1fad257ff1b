#include <string>

#include <gtest/gtest.h>

#include "contract/deletion_fixture.hpp"

// What is deleted stays so from one opening to the next, in whatever segments it says so.
namespace eventstore::test {
namespace {

class ReopenedDeletion : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ReopenedDeletion, testing::ValuesIn(persistent_engines()),
                         engine_name);

TEST_P(ReopenedDeletion, IsThereAndInEverySegment) {
  const OpenOptions small{.segment_bytes_max = 64 << 10};
  reopen(small);
  const auto fill = [&] {
    NewEvent large = event_of("large");
    large.data = '"' + std::string(50000, 'x') + '"';
    for (int round = 0; round < 3; ++round) value_of(store().append({.events = {large}}));
  };
  for (const char* stream : {"a", "b", "c"}) {
    value_of(store().append(append_to(stream, ExpectedVersion::any(), 4)));
  }
  const auto any = ExpectedVersion::any();
  value_of(store().truncate_stream("a", {3}, any));
  fill();
  value_of(store().delete_stream("b", any));
  fill();
  value_of(store().tombstone_stream("c", any));
  const auto holds = [&](EventStore& seen) {
    EXPECT_EQ(versions_of(read_stream(seen, "a")), (Numbers{3, 4}));
    EXPECT_TRUE(read_stream(seen, "b").empty());
    EXPECT_TRUE(read_stream(seen, "c").empty());
    EXPECT_EQ(value_of(seen.stream_info("b"))->state, StreamState::Deleted);
    EXPECT_EQ(value_of(seen.stream_info("c"))->state, StreamState::Tombstoned);
    EXPECT_TRUE(value_of(seen.verify()).findings.empty());
  };
  holds(store());
  reopen(small);
  holds(store());
  fill();
  holds(*value_of(open_reader()));
  reopen(small);
  holds(store());
  EXPECT_TRUE(store().append(append_to("b", ExpectedVersion::no_stream())).has_value());
  EXPECT_EQ(code_of(store().append(append_to("c"))), ErrorCode::StreamDeleted);
}

}  // namespace
}  // namespace eventstore::test
