#include "log/log_view.hpp"

#include <gtest/gtest.h>

#include "core/memory_file_system.hpp"

namespace eventstore::log {
namespace {

std::shared_ptr<Segment> segment_from(FileSystem& files, std::uint64_t first_position) {
  SegmentHeader header;
  header.first_position = {first_position};
  return std::make_shared<Segment>(header, "segment", files, std::uint64_t{0});
}

// The layout may be newer than the head that was read before it; all before its last segment is
// durable.
TEST(LogView, ShowsSealedSegmentsAsAWhole) {
  MemoryFileSystem files;
  LogView view;
  view.update([&](LogLayout& layout) { layout.segments = {segment_from(files, 1)}; });
  view.publish({5});
  EXPECT_EQ(view.snapshot().head, GlobalPosition{5});
  view.update([&](LogLayout& layout) { layout.segments.push_back(segment_from(files, 11)); });
  EXPECT_EQ(view.snapshot().head, GlobalPosition{10});
  view.publish({12});
  EXPECT_EQ(view.snapshot().head, GlobalPosition{12});
}

}  // namespace
}  // namespace eventstore::log
