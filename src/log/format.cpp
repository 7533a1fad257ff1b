#include "log/format.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/campaign_hooks.hpp"
#include "log/checksum.hpp"
#include "log/damage.hpp"

namespace eventstore::log {
namespace {

constexpr std::string_view kSegmentMagic = "ESSEGMNT";
constexpr std::uint32_t kFrameMagic = 0x31465345;  // "ESF1"

constexpr std::uint16_t kOccurredAt = 0x0001;
constexpr std::uint16_t kCriticalExtension = 0x8000;
constexpr std::uint64_t kOccurredAtBytes = 2 + 2 + 8;

// Bytes of the segment header that identify the segment: its checksums depend on them.
constexpr std::size_t kIdentityOffset = 16;
constexpr std::size_t kIdentityBytes = 48;

void store_uuid(std::byte* to, const Uuid& id) {
  std::memcpy(to, id.bytes.data(), 16);
}

Uuid load_uuid(const std::byte* from) {
  Uuid id;
  std::memcpy(id.bytes.data(), from, 16);
  return id;
}

void encode_identity(const SegmentHeader& header, std::byte* out) {
  store_uuid(out, header.store_id);
  store_uuid(out + 16, header.segment_id);
  store_le(out + 32, header.number);
  store_le(out + 40, header.first_position.value);
}

std::uint64_t tags_bytes(const NewEvent& event) {
  std::uint64_t bytes = 0;
  for (const auto& tag : event.tags) bytes += 2 + tag.size();
  return bytes;
}

// What the checksum of an event covers of its header: all but itself.
std::span<const std::byte> event_fields(std::span<const std::byte> event) {
  constexpr std::uint64_t kLengthsOffset = 48;
  const auto end = is_planted(Plant::LengthsNotCovered) ? kLengthsOffset : kEventHeaderBytes;
  return event.subspan(4, end - 4);
}

Timestamp timestamp_of(std::int64_t microseconds) {
  return Timestamp{std::chrono::microseconds{microseconds}};
}

Defect decode_extensions(std::string_view bytes, EventView& view) {
  while (!bytes.empty()) {
    if (bytes.size() < 4) return "an extension is cut short";
    const auto identifier = load_le<std::uint16_t>(bytes.data());
    const auto length = load_le<std::uint16_t>(bytes.data() + 2);
    if (length > bytes.size() - 4) return "an extension runs past the event";
    if (identifier == kOccurredAt) {
      if (length != 8) return "occurred_at has a wrong length";
      view.occurred_at = timestamp_of(load_le<std::int64_t>(bytes.data() + 4));
    } else if (identifier >= kCriticalExtension) {
      return "the event needs a newer version of this library";
    }
    bytes.remove_prefix(std::size_t{4} + length);
  }
  return nullptr;
}

bool tags_are_whole(std::string_view tags) {
  while (!tags.empty()) {
    if (tags.size() < 2) return false;
    const auto length = load_le<std::uint16_t>(tags.data());
    if (length > tags.size() - 2) return false;
    tags.remove_prefix(std::size_t{2} + length);
  }
  return true;
}

}  // namespace

std::uint32_t SegmentHeader::seed() const {
  std::array<std::byte, kIdentityBytes> identity{};
  if (!is_planted(Plant::ChecksumsNotSeeded)) encode_identity(*this, identity.data());
  return crc32c(identity);
}

void encode_segment_header(const SegmentHeader& header, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  std::memcpy(out.data(), kSegmentMagic.data(), kSegmentMagic.size());
  store_le(out.data() + 8, kFormatVersion);
  encode_identity(header, out.data() + kIdentityOffset);
  store_le(out.data() + 64, header.link);
  store_le(out.data() + 68, header.revision);
  store_le(out.data() + 72, header.next_link);
  store_le(out.data() + 12, crc32c(out.subspan(16, kSegmentHeaderBytes - 16)));
}

Result<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes,
                                            const std::string& path) {
  if (bytes.size() < kSegmentHeaderBytes ||
      as_chars(bytes.first(kSegmentMagic.size())) != kSegmentMagic) {
    return std::unexpected(corruption({.file = path}, "this is no segment of an event store"));
  }
  const auto version = load_le<std::uint32_t>(bytes.data() + 8);
  if (version > kFormatVersion) {
    return std::unexpected(Error{.code = ErrorCode::UnsupportedFormat,
                                 .message = path + ": format version " + std::to_string(version) +
                                            " is newer than this program reads (" +
                                            std::to_string(kFormatVersion) +
                                            "); use a newer release of event-store"});
  }
  if (load_le<std::uint32_t>(bytes.data() + 12) !=
      crc32c(bytes.subspan(16, kSegmentHeaderBytes - 16))) {
    return std::unexpected(corruption({.file = path}, "checksum mismatch in the segment header"));
  }
  return SegmentHeader{.store_id = load_uuid(bytes.data() + 16),
                       .segment_id = load_uuid(bytes.data() + 32),
                       .number = load_le<std::uint64_t>(bytes.data() + 48),
                       .first_position = {load_le<std::uint64_t>(bytes.data() + 56)},
                       .link = load_le<std::uint32_t>(bytes.data() + 64),
                       .revision = load_le<std::uint32_t>(bytes.data() + 68),
                       .next_link = load_le<std::uint32_t>(bytes.data() + 72)};
}

void encode_frame_header(FrameHeader& header, std::uint32_t seed, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  store_le(out.data(), kFrameMagic);
  store_le(out.data() + 8, header.flags);
  store_le(out.data() + 12, header.event_count);
  store_le(out.data() + 16, header.body_bytes);
  store_le(out.data() + 24, header.first_position.value);
  store_le(out.data() + 32, header.next_position.value);
  store_le(out.data() + 40, std::int64_t{header.recorded_at.time_since_epoch().count()});
  store_le(out.data() + 48, header.link);
  store_le(out.data() + 52, header.body_checksum);
  header.checksum = seeded_crc(out.subspan(8, 56), seed);
  store_le(out.data() + 4, header.checksum);
}

bool is_end_of_log(std::span<const std::byte> bytes) {
  return bytes.size() < 4 || load_le<std::uint32_t>(bytes.data()) == 0;
}

bool starts_like_a_frame(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && load_le<std::uint32_t>(bytes.data()) == kFrameMagic;
}

std::expected<FrameHeader, Defect> decode_frame_header(std::span<const std::byte> bytes,
                                                       std::uint32_t seed) {
  if (bytes.size() < kFrameHeaderBytes) return std::unexpected("frame header cut short");
  const auto* at = bytes.data();
  if (load_le<std::uint32_t>(at) != kFrameMagic) return std::unexpected("no frame starts here");
  FrameHeader header{.checksum = load_le<std::uint32_t>(at + 4),
                     .flags = load_le<std::uint32_t>(at + 8),
                     .event_count = load_le<std::uint32_t>(at + 12),
                     .body_bytes = load_le<std::uint64_t>(at + 16),
                     .first_position = {load_le<std::uint64_t>(at + 24)},
                     .next_position = {load_le<std::uint64_t>(at + 32)},
                     .recorded_at = timestamp_of(load_le<std::int64_t>(at + 40)),
                     .link = load_le<std::uint32_t>(at + 48),
                     .body_checksum = load_le<std::uint32_t>(at + 52)};
  if (header.checksum != seeded_crc(bytes.subspan(8, 56), seed)) {
    return std::unexpected("checksum mismatch in a frame header");
  }
  if (header.body_bytes > bytes.size() - kFrameHeaderBytes) {
    return std::unexpected("frame runs past the end of the file");
  }
  return header;
}

void BodyChecksum::add(std::uint32_t event_checksum) {
  crc_ = crc_with_number(crc_, event_checksum);
}

std::uint32_t BodyChecksum::finish(std::uint32_t seed) const {
  return crc_with_number(crc_, seed);
}

std::uint64_t encoded_event_bytes(const NewEvent& event) {
  return align8(kEventHeaderBytes + event.stream.size() + event.type.size() + tags_bytes(event) +
                event.metadata.size() + event.data.size() +
                (event.occurred_at ? kOccurredAtBytes : 0));
}

void encode_event(const NewEvent& event, const Uuid& id, std::uint16_t flags,
                  std::span<std::byte> out) {
  auto* at = out.data();
  std::memset(at, 0, kEventHeaderBytes);
  store_le(at + 4, static_cast<std::uint32_t>(out.size()));
  store_uuid(at + 24, id);
  store_le(at + 40, flags);
  at[42] = static_cast<std::byte>(event.format);
  store_le(at + 44, event.schema_version);
  store_le(at + 48, static_cast<std::uint16_t>(event.stream.size()));
  store_le(at + 50, static_cast<std::uint16_t>(event.type.size()));
  store_le(at + 52, static_cast<std::uint16_t>(tags_bytes(event)));
  store_le(at + 54, static_cast<std::uint16_t>(event.occurred_at ? kOccurredAtBytes : 0));
  store_le(at + 56, static_cast<std::uint32_t>(event.metadata.size()));
  store_le(at + 60, static_cast<std::uint32_t>(event.data.size()));

  auto* to = at + kEventHeaderBytes;
  const auto put = [&](std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  };
  put(event.stream);
  put(event.type);
  for (const auto& tag : event.tags) {
    store_le(to, static_cast<std::uint16_t>(tag.size()));
    to += 2;
    put(tag);
  }
  put(event.metadata);
  put(event.data);
  if (event.occurred_at) {
    store_le(to, kOccurredAt);
    store_le(to + 2, std::uint16_t{8});
    store_le(to + 4, std::int64_t{event.occurred_at->time_since_epoch().count()});
    to += kOccurredAtBytes;
  }
  std::memset(to, 0, static_cast<std::size_t>(out.data() + out.size() - to));
  store_le(at, crc32c(out.subspan(kEventHeaderBytes)));
}

std::uint32_t place_event(std::span<std::byte> event, const EventPlace& place, std::uint32_t seed) {
  auto* at = event.data();
  store_le(at + 8, place.frame_distance);
  store_le(at + 12, place.position_delta);
  store_le(at + 16, place.version.value);
  const auto body = load_le<std::uint32_t>(at);
  const auto checksum = seeded_crc(event_fields(event), seed, body);
  store_le(at, checksum);
  return checksum;
}

Defect decode_event(std::span<const std::byte> bytes, std::uint32_t seed, StoredEvent& event) {
  if (bytes.size() < kEventHeaderBytes) return "event header cut short";
  const auto* at = bytes.data();
  const auto length = load_le<std::uint32_t>(at + 4);
  if (length < kEventHeaderBytes || length % 8 != 0 || length > bytes.size()) {
    return "an event's length is impossible";
  }
  const auto checksum = load_le<std::uint32_t>(at);
  const auto body = crc32c(bytes.subspan(kEventHeaderBytes, length - kEventHeaderBytes));
  if (checksum != seeded_crc(event_fields(bytes), seed, body) &&
      !is_planted(Plant::NoBodyChecksum)) {
    return "checksum mismatch in an event";
  }
  const std::uint64_t stream = load_le<std::uint16_t>(at + 48);
  const std::uint64_t type = load_le<std::uint16_t>(at + 50);
  const std::uint64_t tags = load_le<std::uint16_t>(at + 52);
  const std::uint64_t extensions = load_le<std::uint16_t>(at + 54);
  const std::uint64_t metadata = load_le<std::uint32_t>(at + 56);
  const std::uint64_t data = load_le<std::uint32_t>(at + 60);
  if (align8(kEventHeaderBytes + stream + type + tags + extensions + metadata + data) != length) {
    return "an event's parts do not add up to its length";
  }
  const auto format = static_cast<PayloadFormat>(at[42]);
  if (at[43] != std::byte{0} ||
      (format != PayloadFormat::Json && format != PayloadFormat::Binary)) {
    return "the event needs a newer version of this library";
  }

  event.checksum = checksum;
  event.length = length;
  event.frame_distance = load_le<std::uint32_t>(at + 8);
  event.position_delta = load_le<std::uint32_t>(at + 12);
  event.flags = load_le<std::uint16_t>(at + 40);
  const auto* from = reinterpret_cast<const char*>(at + kEventHeaderBytes);
  const auto take = [&](std::uint64_t size) {
    const std::string_view part{from, size};
    from += size;
    return part;
  };
  auto& view = event.view;
  view.version = {load_le<std::uint64_t>(at + 16)};
  view.id = load_uuid(at + 24);
  view.format = format;
  view.schema_version = load_le<std::uint32_t>(at + 44);
  view.last_of_append = (event.flags & kLastOfAppend) != 0;
  view.stream = take(stream);
  view.type = take(type);
  const auto tag_list = take(tags);
  if (!tags_are_whole(tag_list)) return "an event's tags are cut short";
  view.tags = TagsView(tag_list);
  view.metadata = take(metadata);
  view.data = take(data);
  view.occurred_at.reset();
  return decode_extensions(take(extensions), view);
}

}  // namespace eventstore::log
