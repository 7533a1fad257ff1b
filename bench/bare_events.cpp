#include "bare_events.hpp"

#include "core/codec.hpp"
#include "harness.hpp"

namespace eventstore::bench {
namespace {

constexpr std::size_t kHeaderBytes = 64;  // of an event
constexpr std::size_t kChecksumBytes = 4;

// By the lengths in the event's header (docs/formats/store.md).
Touched touch_event(std::span<const std::byte> event) {
  consume(crc32c(event.subspan(kChecksumBytes, kHeaderBytes - kChecksumBytes),
                 crc32c(event.subspan(kHeaderBytes))));
  const auto length16 = [&](std::size_t at) { return load_le<std::uint16_t>(event.data() + at); };
  const auto metadata_bytes = load_le<std::uint32_t>(event.data() + 56);
  const auto data_bytes = load_le<std::uint32_t>(event.data() + 60);
  const std::size_t metadata_at = kHeaderBytes + length16(48) + length16(50) + length16(52);
  Touched touched;
  touched.add(as_chars(event.subspan(metadata_at, metadata_bytes)),
              as_chars(event.subspan(metadata_at + metadata_bytes, data_bytes)));
  return touched;
}

}  // namespace

BareEvents::BareEvents(const std::filesystem::path& store, const EventGenerator& generator)
    : generator_(generator), files_(store) {
  events_.reserve(generator.events());
  files_.for_each_event([this](auto event) {
    if (events_.size() < generator_.events()) events_.push_back(event);
  });
  if (events_.size() != generator.events()) fail("events are missing in " + store.string());
}

Touched BareEvents::touch(std::uint64_t number) const {
  return touch_event(events_[number]);
}

Touched BareEvents::touch_stream(std::uint64_t stream) const {
  Touched touched;
  const auto versions = generator_.events() / generator_.streams();
  for (std::uint64_t version = 1; version <= versions; ++version) {
    touched.add(touch_event(events_[generator_.number_of(stream, version)]));
  }
  return touched;
}

Touched BareEvents::touch_all() const {
  Touched touched;
  files_.for_each_event([&touched](auto event) { touched.add(touch_event(event)); });
  return touched;
}

void BareEvents::checksum_segments() const {
  for (const auto segment : files_.segments()) consume(crc32c(segment));
}

}  // namespace eventstore::bench
