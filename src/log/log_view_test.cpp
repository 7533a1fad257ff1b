#include "log/log_view.hpp"

#include <gtest/gtest.h>

namespace eventstore::log {
namespace {

std::shared_ptr<Segment> segment_from(std::uint64_t first_position) {
  SegmentHeader header;
  header.first_position = {first_position};
  return std::make_shared<Segment>(header, "segment", nullptr, nullptr);
}

// The list may be newer than the head that was read before it; all before its last segment is
// durable.
TEST(LogView, ShowsSealedSegmentsAsAWhole) {
  LogView view;
  view.set_segments({segment_from(1)});
  view.publish({5});
  EXPECT_EQ(view.snapshot().head, GlobalPosition{5});
  view.set_segments({segment_from(1), segment_from(11)});
  EXPECT_EQ(view.snapshot().head, GlobalPosition{10});
  view.publish({12});
  EXPECT_EQ(view.snapshot().head, GlobalPosition{12});
}

}  // namespace
}  // namespace eventstore::log
