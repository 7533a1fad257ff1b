#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec.hpp"
#include "eventstore/event.hpp"
#include "eventstore/result.hpp"

// The bytes of segments: headers, frames and events. Layout: docs/formats/store.md.
namespace eventstore::log {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kSegmentHeaderBytes = 4096;
inline constexpr std::uint64_t kFrameHeaderBytes = 64;
inline constexpr std::uint64_t kEventHeaderBytes = 64;

constexpr std::uint64_t align8(std::uint64_t n) {
  return (n + 7) & ~std::uint64_t{7};
}

// Why stored bytes are not what they should be: a phrase for a message. Null where all is well.
using Defect = const char*;

struct SegmentHeader {
  Uuid store_id;
  Uuid segment_id;
  std::uint64_t number = 0;
  GlobalPosition first_position;
  std::uint32_t link = 0;  // checksum of the last frame before this segment
  // Of a segment that was rewritten: how often, and the link that the next segment has, which is
  // the checksum of the last frame as it was before.
  std::uint32_t revision = 0;
  std::uint32_t next_link = 0;

  // What every checksum in the segment ends with.
  std::uint32_t seed() const;
  // The link that the next segment has, given the checksum of this one's last frame.
  std::uint32_t link_behind(std::uint32_t last_frame) const {
    return revision != 0 ? next_link : last_frame;
  }
};

void encode_segment_header(const SegmentHeader& header, std::span<std::byte> out);
// Fails with NotAStore, UnsupportedFormat or Corruption; `path` is for messages.
Result<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes,
                                            const std::string& path);

// Flags of a frame.
inline constexpr std::uint32_t kMarkFrame = 1;
inline constexpr std::uint32_t kSealFrame = 2;

struct FrameHeader {
  std::uint32_t checksum = 0;
  std::uint32_t flags = 0;
  std::uint32_t event_count = 0;
  std::uint64_t body_bytes = 0;
  GlobalPosition first_position = {};
  GlobalPosition next_position = {};
  Timestamp recorded_at = {};
  std::uint32_t link = 0;
  std::uint32_t body_checksum = 0;

  std::uint64_t frame_bytes() const { return kFrameHeaderBytes + body_bytes; }
};

// Sets `header.checksum` as well.
void encode_frame_header(FrameHeader& header, std::uint32_t seed, std::span<std::byte> out);

// Whether the first bytes are zero, where a frame's magic would be: the end of the log.
bool is_end_of_log(std::span<const std::byte> bytes);

// Whether the first bytes are a frame's magic.
bool starts_like_a_frame(std::span<const std::byte> bytes);

// Reads a frame header and checks it, and that the frame fits in `bytes`.
std::expected<FrameHeader, Defect> decode_frame_header(std::span<const std::byte> bytes,
                                                       std::uint32_t seed);

// The checksum of a frame's body, fed with its events' checksums one after another.
//
// Threads: one at a time.
class BodyChecksum {
 public:
  void add(std::uint32_t event_checksum);
  std::uint32_t finish(std::uint32_t seed) const;

 private:
  std::uint32_t crc_ = 0;
};

// Flags of an event.
inline constexpr std::uint16_t kLastOfAppend = 1;
inline constexpr std::uint16_t kHusk = 2;
inline constexpr std::uint16_t kSystemEvent = 4;
inline constexpr std::uint16_t kBoundsEvent = 8;

// What the frame and the log give to an event when it is committed.
struct EventPlace {
  std::uint32_t frame_distance = 0;  // in units of 8 bytes
  std::uint32_t position_delta = 0;
  StreamVersion version;
};

std::uint64_t encoded_event_bytes(const NewEvent& event);

// Writes an event but for its place; its checksum field holds the CRC of the bytes behind the
// header until place_event() finishes it. `out` has encoded_event_bytes(event) bytes.
void encode_event(const NewEvent& event, const Uuid& id, std::uint16_t flags,
                  std::span<std::byte> out);

// Gives an encoded event its place. Returns its checksum.
std::uint32_t place_event(std::span<std::byte> event, const EventPlace& place, std::uint32_t seed);

struct StoredEvent {
  EventView view;  // position and recorded_at are for the frame's reader to add
  std::uint32_t checksum = 0;
  std::uint32_t length = 0;
  std::uint32_t frame_distance = 0;
  std::uint32_t position_delta = 0;
  std::uint16_t flags = 0;

  bool is_husk() const { return (flags & kHusk) != 0; }
  bool is_system() const { return (flags & kSystemEvent) != 0; }
};

// How far, in bytes, an encoded event stands behind its frame's start; unchecked.
inline std::uint64_t event_frame_distance(std::span<const std::byte> event) {
  return std::uint64_t{load_le<std::uint32_t>(event.data() + 8)} * 8;
}

// Reads the event at the start of `bytes` into `event` and checks every byte of it. Null: it is
// whole. (In place: events are large to move, and reads are made of this.)
Defect decode_event(std::span<const std::byte> bytes, std::uint32_t seed, StoredEvent& event);

}  // namespace eventstore::log
