#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/codec.hpp"
#include "log/checksum.hpp"
#include "log/frame_scan.hpp"

namespace eventstore::log {

// What a segment holds once it was rewritten without some of its events: `husks` (positions) keep
// their place, stream and id alone, `holes` nothing.
struct Deleted {
  std::set<std::uint64_t> husks;
  std::set<std::uint64_t> holes;
};

// The frames of a segment, rewritten one after another behind its header.
class SegmentRewrite {
 public:
  SegmentRewrite(std::span<const std::byte> segment, const Deleted& deleted)
      : segment_(segment),
        header_(*decode_segment_header(segment, "test")),
        seed_(header_.seed()),
        deleted_(deleted),
        link_(header_.link) {}

  std::vector<std::byte> run() {
    out_.assign(segment_.begin(), segment_.begin() + kSegmentHeaderBytes);
    FrameScan scan(segment_, seed_, ScanState::at_start_of(header_));
    while (scan.next().value_or(false)) rewrite(scan);
    out_.resize(std::max(out_.size(), segment_.size()));
    return out_;
  }

 private:
  void rewrite(const FrameScan& scan) {
    const auto start = out_.size();
    out_.resize(start + kFrameHeaderBytes);
    BodyChecksum checksum;
    auto header = scan.frame();
    header.event_count = 0;
    for (const auto& scanned : scan.events()) {
      const auto position = scanned.event.view.position.value;
      if (deleted_.holes.contains(position)) continue;
      ++header.event_count;
      auto bytes = deleted_.husks.contains(position) ? husk_of(scanned) : bytes_of(scanned);
      const auto distance = static_cast<std::uint32_t>((out_.size() - start) / 8);
      checksum.add(place_event(bytes,
                               {.frame_distance = distance,
                                .position_delta = scanned.event.position_delta,
                                .version = scanned.event.view.version},
                               seed_));
      out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    header.body_bytes = out_.size() - start - kFrameHeaderBytes;
    header.body_checksum = checksum.finish(seed_);
    header.link = link_;
    encode_frame_header(header, seed_, std::span(out_).subspan(start, kFrameHeaderBytes));
    link_ = header.checksum;
  }

  static std::vector<std::byte> husk_of(const ScannedEvent& scanned) {
    const auto& event = scanned.event;
    const NewEvent husk{.stream = std::string(event.view.stream), .type = ""};
    std::vector<std::byte> bytes(encoded_event_bytes(husk));
    const auto flags = static_cast<std::uint16_t>(event.flags | kHusk);
    encode_event(husk, event.view.id, flags, bytes);
    return bytes;
  }

  // The event with the checksum of its body alone, as place_event() wants it.
  std::vector<std::byte> bytes_of(const ScannedEvent& scanned) const {
    const auto stored = segment_.subspan(scanned.offset, scanned.event.length);
    std::vector<std::byte> bytes(stored.begin(), stored.end());
    store_le(bytes.data(), crc32c(std::span(bytes).subspan(kEventHeaderBytes)));
    return bytes;
  }

  std::span<const std::byte> segment_;
  const SegmentHeader header_;
  const std::uint32_t seed_;
  const Deleted& deleted_;
  std::uint32_t link_;
  std::vector<std::byte> out_;
};

inline std::vector<std::byte> without_deleted(std::span<const std::byte> segment,
                                              const Deleted& deleted) {
  return SegmentRewrite(segment, deleted).run();
}

}  // namespace eventstore::log
