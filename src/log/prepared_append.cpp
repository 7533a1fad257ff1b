#include "log/prepared_append.hpp"

#include <utility>

#include "log/run_index.hpp"

namespace eventstore::log {
namespace {

// validate() has passed: what is refused does not come here.
std::optional<StatedBounds> bounds_stated_by(const NewEvent& event) {
  const auto stated = stated_bounds(event.stream, event.type, event.format, event.data);
  return stated ? *stated : std::nullopt;
}

}  // namespace

PreparedAppend::PreparedAppend(AppendRequest request, Environment environment, std::uint64_t secret)
    : checks_(std::move(request.checks)),
      condition_(std::move(request.condition)),
      context_(std::move(request.context)) {
  for (const auto& event : request.events) size_ += encoded_event_bytes(event);
  // NOLINTNEXTLINE(modernize-avoid-c-arrays): a buffer that is not zeroed first
  bytes_ = std::make_unique_for_overwrite<std::byte[]>(size_);
  events_.reserve(request.events.size());

  const auto now = environment.clock->wall_now();
  std::uint32_t offset = 0;
  for (const auto& event : request.events) {
    const auto length = static_cast<std::uint32_t>(encoded_event_bytes(event));
    const auto id = event.id ? *event.id : make_uuid_v7(*environment.random, now);
    const bool system = is_system_name(event.stream) || is_system_name(event.type);
    const bool last = &event == &request.events.back();
    const auto stated = system ? bounds_stated_by(event) : std::nullopt;
    const bool has_bounds = stated && (stated->is_tombstone || !stated->bounds.empty());
    const auto flags = static_cast<std::uint16_t>(
        (last ? kLastOfAppend : 0) | (system ? kSystemEvent : 0) | (has_bounds ? kBoundsEvent : 0));
    const auto encoded = std::span(bytes_.get() + offset, length);
    encode_event(event, id, flags, encoded);

    const auto names = as_chars(encoded).substr(kEventHeaderBytes);
    std::size_t tags_bytes = 0;
    for (const auto& tag : event.tags) tags_bytes += 2 + tag.size();
    const auto type_end = event.stream.size() + event.type.size();
    events_.push_back({.offset = offset,
                       .length = length,
                       .id_hash = hash_id(event.stream, id, secret),
                       .given_id = event.id.has_value(),
                       .id = id,
                       .stream = names.substr(0, event.stream.size()),
                       .type = names.substr(event.stream.size(), event.type.size()),
                       .tags = TagsView(names.substr(type_end, tags_bytes))});
    if (stated) add_stated(*stated, has_bounds);
    offset += length;
  }
}

// The names of `stated` are those of the event added last, whose encoded form stays.
void PreparedAppend::add_stated(StatedBounds stated, bool has_bounds) {
  auto& event = events_.back();
  stated.stream = event.stream.substr(stated.is_tombstone ? 0 : kMetadataPrefix.size());
  if (has_bounds) event.bounds_of = stated.stream;
  stated_.push_back({.event = &event, .bounds = stated});
}

}  // namespace eventstore::log
