#include "postgres/prepared_append.hpp"

#include <utility>

#include "core/tags.hpp"

namespace eventstore::postgres {
namespace {

// What a row takes beside what is in it, about.
constexpr std::uint64_t kRowBytes = 128;

}  // namespace

PreparedAppend::PreparedAppend(AppendRequest request, Environment environment)
    : given_(std::move(request.events)),
      checks_(std::move(request.checks)),
      condition_(std::move(request.condition)),
      context_(std::move(request.context)) {
  const auto now = environment.clock->wall_now();
  events_.reserve(given_.size());
  for (const auto& event : given_) {
    Event prepared{.event = &event,
                   .id = event.id ? *event.id : make_uuid_v7(*environment.random, now),
                   .given_id = event.id.has_value()};
    append_encoded_tags(prepared.tags, event.tags);
    if (is_system_name(event.stream) || is_system_name(event.type)) {
      // What is refused does not come here.
      const auto stated = stated_bounds(event.stream, event.type, event.format, event.data);
      if (stated && *stated) {
        prepared.stated = **stated;
        states_bounds_ = true;
      }
    }
    size_ += kRowBytes + event.stream.size() + event.type.size() + prepared.tags.size() +
             event.metadata.size() + event.data.size();
    events_.push_back(std::move(prepared));
  }
}

}  // namespace eventstore::postgres
