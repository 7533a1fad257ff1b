// Any bytes as the frames of a segment: as they are, and with the checksums of the frame headers
// and events made right, so that what lies behind the checksums is reached too.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/check.hpp"
#include "log/format.hpp"
#include "log/frame_scan.hpp"
#include "log/log_scan.hpp"

using namespace eventstore::log;  // NOLINT(google-build-using-namespace): a program, not a header

namespace {

SegmentHeader header_of_test() {
  return {.store_id = {}, .segment_id = {}, .number = 1, .first_position = {1}, .link = 0};
}

// Scans to the end, over damage too. What is shown must be in order and within the bytes.
void scan(std::span<const std::byte> bytes) {
  const auto header = header_of_test();
  RunBuilder builder({.folder = "fuzz", .on_notice = {}}, /*secret=*/1, header.first_position);
  const auto scanned = scan_frames(bytes, header.seed(), "fuzz", ScanState::at_start_of(header),
                                   {UINT64_MAX}, builder);
  CHECK(scanned.end.offset <= bytes.size() + kSegmentHeaderBytes);

  FrameScan frames(bytes, header.seed(), ScanState::at_start_of(header));
  std::uint64_t last = 0;
  for (auto more = frames.next(); more && *more; more = frames.next()) {
    for (const auto& event : frames.events()) {
      CHECK(event.event.view.position.value > last);
      last = event.event.view.position.value;
      CHECK(event.offset + event.event.length <= bytes.size());
      for (const auto tag : event.event.view.tags) CHECK(tag.size() <= bytes.size());
    }
  }
}

// Makes the checksums of one frame right, as far as its lengths can be followed.
std::size_t repair_frame(std::span<std::byte> rest, std::uint32_t link, std::uint32_t seed) {
  if (rest.size() < kFrameHeaderBytes) return 0;
  FrameHeader frame{.flags = eventstore::load_le<std::uint32_t>(&rest[8]),
                    .event_count = eventstore::load_le<std::uint32_t>(&rest[12]),
                    .body_bytes = eventstore::load_le<std::uint64_t>(&rest[16]),
                    .first_position = {eventstore::load_le<std::uint64_t>(&rest[24])},
                    .next_position = {eventstore::load_le<std::uint64_t>(&rest[32])},
                    .link = link};
  if (frame.body_bytes > rest.size() - kFrameHeaderBytes) return 0;
  auto body = rest.subspan(kFrameHeaderBytes, frame.body_bytes);
  BodyChecksum checksum;
  for (std::uint32_t i = 0; i < frame.event_count && body.size() >= kEventHeaderBytes; ++i) {
    const auto length = eventstore::load_le<std::uint32_t>(&body[4]);
    if (length < kEventHeaderBytes || length > body.size()) break;
    const auto event = body.first(length);
    eventstore::store_le(event.data(), eventstore::crc32c(event.subspan(kEventHeaderBytes)));
    const EventPlace place{.frame_distance = eventstore::load_le<std::uint32_t>(&event[8]),
                           .position_delta = eventstore::load_le<std::uint32_t>(&event[12]),
                           .version = {eventstore::load_le<std::uint64_t>(&event[16])}};
    checksum.add(place_event(event, place, seed));
    body = body.subspan(length);
  }
  frame.body_checksum = checksum.finish(seed);
  encode_frame_header(frame, seed, rest.first(kFrameHeaderBytes));
  return frame.frame_bytes();
}

void repair(std::span<std::byte> frames) {
  const auto seed = header_of_test().seed();
  std::uint32_t link = 0;
  while (const auto size = repair_frame(frames, link, seed)) {
    link = eventstore::load_le<std::uint32_t>(&frames[4]);
    frames = frames.subspan(size);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The input stands behind a segment header, which a scan does not look at.
  std::vector<std::byte> bytes(kSegmentHeaderBytes);
  const auto* const begin = reinterpret_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
  scan(bytes);
  repair(std::span(bytes).subspan(kSegmentHeaderBytes));
  scan(bytes);
  return 0;
}
