#include "eventstore/event.hpp"

#include <algorithm>

namespace eventstore {

std::string_view to_string(PayloadFormat format) {
  switch (format) {
    case PayloadFormat::Json:
      return "json";
    case PayloadFormat::Binary:
      return "binary";
  }
  return "unknown";
}

std::optional<PayloadFormat> parse_payload_format(std::string_view name) {
  if (name == "json") return PayloadFormat::Json;
  if (name == "binary") return PayloadFormat::Binary;
  return std::nullopt;
}

std::string_view category_of(std::string_view stream) {
  return stream.substr(0, stream.find('-'));
}

bool TagsView::contains(std::string_view tag) const {
  return std::find(begin(), end(), tag) != end();
}

RecordedEvent::RecordedEvent(const EventView& view)
    : position(view.position),
      version(view.version),
      id(view.id),
      stream(view.stream),
      type(view.type),
      data(view.data),
      metadata(view.metadata),
      tags(view.tags.begin(), view.tags.end()),
      format(view.format),
      schema_version(view.schema_version),
      recorded_at(view.recorded_at),
      occurred_at(view.occurred_at),
      last_of_append(view.last_of_append) {}

}  // namespace eventstore
