#pragma once

#include <optional>
#include <string>

#include "core/tags.hpp"
#include "eventstore/event.hpp"

namespace eventstore {

// A NewEvent as a stored one looks to a writer of text.
//
// Ownership: borrows the event, which must outlive it.
class EventAsStored {
 public:
  explicit EventAsStored(const NewEvent& event) {
    append_encoded_tags(tags_, event.tags);
    view_.id = event.id.value_or(Uuid{});
    view_.stream = event.stream;
    view_.type = event.type;
    view_.data = event.data;
    view_.metadata = event.metadata;
    view_.tags = TagsView(tags_);
    view_.format = event.format;
    view_.schema_version = event.schema_version;
    view_.occurred_at = event.occurred_at;
  }
  EventAsStored(const EventAsStored&) = delete;
  EventAsStored& operator=(const EventAsStored&) = delete;
  ~EventAsStored() = default;

  EventView& view() { return view_; }

 private:
  std::string tags_;
  EventView view_;
};

// Names the first field in which two events differ; absent where they are equal.
inline std::optional<std::string> difference(const NewEvent& left, const NewEvent& right) {
  if (left.stream != right.stream) return "stream";
  if (left.type != right.type) return "type";
  if (left.id != right.id) return "id";
  if (left.data != right.data) return "data: " + left.data + " / " + right.data;
  if (left.metadata != right.metadata) {
    return "metadata: " + left.metadata + " / " + right.metadata;
  }
  if (left.tags != right.tags) return "tags";
  if (left.format != right.format) return "format";
  if (left.schema_version != right.schema_version) return "schema_version";
  if (left.occurred_at != right.occurred_at) return "occurred_at";
  return std::nullopt;
}

}  // namespace eventstore
