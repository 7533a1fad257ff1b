#include "log/frame_scan.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace eventstore::log {
namespace {

// Puts a segment together, frame by frame.
class SegmentMaker {
 public:
  SegmentMaker() : bytes_(kSegmentHeaderBytes) {
    header_.number = 1;
    header_.first_position = {1};
    encode_segment_header(header_, bytes_);
    state_ = ScanState::at_start_of(header_);
  }

  // Returns where the frame starts.
  std::size_t add(const std::string& data) {
    const NewEvent event{.stream = "s", .type = "T", .data = data, .format = PayloadFormat::Binary};
    std::vector<std::byte> body(encoded_event_bytes(event));
    encode_event(event, {}, kLastOfAppend, body);
    BodyChecksum checksum;
    checksum.add(place_event(body,
                             {.frame_distance = static_cast<std::uint32_t>(kFrameHeaderBytes / 8),
                              .position_delta = 0,
                              .version = {state_.next_position.value}},
                             header_.seed()));
    FrameHeader frame{.event_count = 1,
                      .body_bytes = body.size(),
                      .first_position = state_.next_position,
                      .next_position = {state_.next_position.value + 1},
                      .link = state_.link,
                      .body_checksum = checksum.finish(header_.seed())};
    std::array<std::byte, kFrameHeaderBytes> encoded{};
    encode_frame_header(frame, header_.seed(), encoded);
    const auto start = bytes_.size();
    bytes_.insert(bytes_.end(), encoded.begin(), encoded.end());
    bytes_.insert(bytes_.end(), body.begin(), body.end());
    state_.next_position = frame.next_position;
    state_.link = frame.checksum;
    return start;
  }

  const std::vector<std::byte>& bytes() const { return bytes_; }
  FrameScan scan(std::span<const std::byte> bytes) const {
    return {bytes, header_.seed(), ScanState::at_start_of(header_)};
  }

 private:
  SegmentHeader header_;
  std::vector<std::byte> bytes_;
  ScanState state_;
};

TEST(FrameScan, ReadsFrameByFrame) {
  SegmentMaker segment;
  segment.add("one");
  segment.add("two");
  auto scan = segment.scan(segment.bytes());
  for (const std::string data : {"one", "two"}) {
    ASSERT_TRUE(scan.next().value());
    ASSERT_EQ(scan.events().size(), 1U);
    EXPECT_EQ(scan.events().front().event.view.data, data);
  }
  EXPECT_FALSE(scan.next().value());
}

// A frame that once followed another one at the same place is none of this log, though all else in
// it fits.
TEST(FrameScan, RefusesAFrameThatFollowedAnotherOne) {
  SegmentMaker before;
  before.add("old");
  const auto second = before.add("two");
  SegmentMaker now;
  now.add("new");
  auto bytes = now.bytes();
  ASSERT_EQ(bytes.size(), second);
  bytes.insert(bytes.end(), before.bytes().begin() + static_cast<std::ptrdiff_t>(second),
               before.bytes().end());
  auto scan = now.scan(bytes);
  EXPECT_TRUE(scan.next().value());
  EXPECT_FALSE(scan.next().has_value());
}

TEST(FrameScan, TakesZerosBetweenFramesForDamage) {
  SegmentMaker segment;
  const auto first = segment.add("one");
  const auto second = segment.add("two");
  auto bytes = segment.bytes();
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(first),
            bytes.begin() + static_cast<std::ptrdiff_t>(second), std::byte{0});
  auto scan = segment.scan(bytes);
  EXPECT_FALSE(scan.next().has_value());
  EXPECT_EQ(scan.find_later_frame(), second);
}

// A write that went astray puts a later frame in the place of an earlier one, or a header without
// its body: neither hides the frames behind it.
TEST(FrameScan, GoesOnWithTheFrameThatContinuesTheLogTheSoonest) {
  SegmentMaker segment;
  const auto first = segment.add(std::string(200, '1'));
  const auto second = segment.add("two");
  const auto third = segment.add("three");
  const auto& bytes = segment.bytes();
  const auto write = [&](std::size_t from, std::size_t size) {
    auto damaged = bytes;
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), size,
                damaged.begin() + static_cast<std::ptrdiff_t>(first + 8));
    return damaged;
  };
  const auto with_later_frame = write(third, bytes.size() - third);
  EXPECT_EQ(segment.scan(with_later_frame).find_later_frame(), second);
  const auto with_header = write(first, kFrameHeaderBytes);
  EXPECT_EQ(segment.scan(with_header).find_later_frame(), second);
}

// Event data may hold copies of frames, as a backup of the store in itself would.
TEST(FrameScan, TakesNoCopyOfAnEarlierFrameForALaterOne) {
  SegmentMaker segment;
  const auto first = segment.add("one");
  const auto second = segment.add("two");
  auto bytes = segment.bytes();
  const std::vector<std::byte> copy(bytes.begin() + static_cast<std::ptrdiff_t>(first),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(second));
  bytes.insert(bytes.end(), 64, std::byte{'x'});
  bytes.insert(bytes.end(), copy.begin(), copy.end());
  auto scan = segment.scan(bytes);
  EXPECT_TRUE(scan.next().value());
  EXPECT_TRUE(scan.next().value());
  EXPECT_FALSE(scan.next().has_value());
  EXPECT_EQ(scan.find_later_frame(), std::nullopt);
}

// Whoever can write a store's files can make checksums that hold.
TEST(FrameScan, RefusesPositionsBeyondWhatASegmentCanHave) {
  SegmentMaker segment;
  segment.add("one");
  auto scan = segment.scan(segment.bytes());
  ASSERT_TRUE(scan.next().value());
  auto bytes = segment.bytes();
  SegmentHeader header;
  header.number = 1;
  header.first_position = {1};
  FrameHeader leap{.flags = kMarkFrame,
                   .first_position = {2},
                   .next_position = {2 + kSegmentPositionsMax},
                   .link = scan.state().link,
                   .body_checksum = BodyChecksum().finish(header.seed())};
  std::array<std::byte, kFrameHeaderBytes> encoded{};
  encode_frame_header(leap, header.seed(), encoded);
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  scan = segment.scan(bytes);
  EXPECT_TRUE(scan.next().value());
  EXPECT_FALSE(scan.next().has_value());
}

}  // namespace
}  // namespace eventstore::log
