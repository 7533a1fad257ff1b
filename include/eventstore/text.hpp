#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "eventstore/event.hpp"
#include "eventstore/result.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore {

// The text forms of events. docs/formats/ndjson.md and docs/formats/cloudevents.md have the fields.

// Reads one line of the NDJSON form: {"stream","type","id","time","data","metadata","tags",
// "data_base64","metadata_base64","format","schema_version"}; only stream and type are required,
// and "version", "position" and "recorded_at" are accepted and ignored. The bytes of "data" and
// "metadata" are kept as they stand in the line. `id` is absent where the line has none.
//
// Fails with InvalidArgument, the message naming the field and the reason, or LimitExceeded.
Result<NewEvent> parse_ndjson_event(std::string_view line);

// Appends one line, without its line break, in the import form plus "version", "position" and
// "recorded_at". Fields in fixed order: stream, type, id, time, data (or data_base64), metadata (or
// metadata_base64), tags, format, schema_version, version, position, recorded_at; absent ones and
// defaults left out.
void write_ndjson_event(std::string& out, const EventView& event);

// Reads one CloudEvents 1.0 event in JSON format. See docs/formats/cloudevents.md for the mapping.
Result<NewEvent> parse_cloud_event(std::string_view line);

// Appends one CloudEvents 1.0 event in JSON format, without a line break.
void write_cloud_event(std::string& out, const EventView& event);

// Whether `text` is exactly one JSON value in valid UTF-8, white space around it allowed.
bool is_json(std::string_view text);

// The id of an event that came without one: made from the bytes that describe it and `ordinal`,
// which tells equal ones apart (1 for the first). The same for ever and on every machine (UUID
// version 8), so that importing the same text again gives the same ids.
Uuid derive_event_id(std::string_view bytes, std::uint64_t ordinal);

}  // namespace eventstore
