#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event.hpp"

namespace eventstore {

// The attributes of a CloudEvent that an event has no field for. They are kept in the event's
// metadata, from where an export gives them back. docs/formats/cloudevents.md has the mapping.
struct CloudEventAttributes {
  struct Extension {
    std::string name;
    std::string value;  // JSON: a string, an integer or a boolean
  };

  std::string id;
  std::string source;
  std::string subject;  // empty: absent, as for the next two
  std::string dataschema;
  std::string datacontenttype;
  std::vector<Extension> extensions;
};

// The attributes that this library writes and reads for its own use.
bool is_own_attribute(std::string_view name);

// Lower-case ASCII letters and digits, at least one.
bool is_attribute_name(std::string_view name);

// The JSON text of an extension's value, its string escaped in the one way that this library
// writes. Absent where `raw` is neither a string nor an integer of 64 bits nor a boolean.
std::optional<std::string> read_extension_value(std::string_view raw);

// Of an event that says nothing else.
std::string default_source(std::string_view stream);
std::string_view default_content_type(PayloadFormat format);

// Json for application/json, text/json and whatever ends in "+json"; Binary for all else.
PayloadFormat payload_format_of(std::string_view content_type);

// A UUID that is not nil stays as it is; any other id is hashed together with its source.
Uuid event_id_of(std::string_view source, std::string_view id);

// The metadata that keeps `attributes`, but for what the event's own fields say already; empty
// where nothing is left. `stream`, `id` and `format` are the event's.
std::string metadata_of(const CloudEventAttributes& attributes, std::string_view stream,
                        const Uuid& id, PayloadFormat format);

// What metadata_of() kept, where `metadata` is a JSON object with it; nothing otherwise.
CloudEventAttributes attributes_of(std::string_view metadata);

}  // namespace eventstore
