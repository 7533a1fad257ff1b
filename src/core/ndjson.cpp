#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/base64.hpp"
#include "core/event_text.hpp"
#include "core/json_members.hpp"
#include "core/json_text.hpp"
#include "core/refusal.hpp"
#include "eventstore/text.hpp"

namespace eventstore {
namespace {

enum class Field : std::uint8_t {
  Stream,
  Type,
  Id,
  Time,
  Data,
  DataBase64,
  Metadata,
  MetadataBase64,
  Tags,
  Format,
  SchemaVersion,
  Version,
  Position,
  RecordedAt,
};

constexpr std::array<std::string_view, 14> kFieldNames{
    "stream",          "type", "id",     "time",           "data",    "data_base64", "metadata",
    "metadata_base64", "tags", "format", "schema_version", "version", "position",    "recorded_at"};

// Reads the members of one line into an event.
class EventReader {
 public:
  Result<void> take(const JsonMember& member);
  Result<NewEvent> finish();

 private:
  bool has(Field field) const { return (seen_ >> static_cast<unsigned>(field) & 1) != 0; }
  Result<void> take_field(Field field, const JsonMember& member);
  Result<void> take_text(Field field, const JsonMember& member);

  NewEvent event_;
  std::uint32_t seen_ = 0;  // a bit for each Field
  std::string scratch_;
};

Result<void> EventReader::take(const JsonMember& member) {
  const auto* const name = std::ranges::find(kFieldNames, member.name);
  if (name == kFieldNames.end()) {
    return invalid_argument("field " + in_quotes(member.name) +
                            " is unknown: leave it out, or put it into metadata");
  }
  const auto field = static_cast<Field>(name - kFieldNames.begin());
  if (has(field)) {
    return invalid_argument("field " + in_quotes(member.name) + " is there twice");
  }
  seen_ |= std::uint32_t{1} << static_cast<unsigned>(field);
  return take_field(field, member);
}

Result<void> EventReader::take_field(Field field, const JsonMember& member) {
  switch (field) {
    case Field::Data:
      event_.data = member.raw;
      return {};  // checked by finish() or validate()
    case Field::Metadata:
      event_.metadata = member.raw;
      return require_json(member.name, member.raw);
    case Field::SchemaVersion:
      return assign(event_.schema_version, read_schema_version(member.name, member.raw));
    case Field::Version:
    case Field::Position: {
      const auto ignored = read_json_count(member.name, member.raw);
      return ignored ? Result<void>() : std::unexpected(ignored.error());
    }
    case Field::Tags:
      return assign(event_.tags, read_json_strings(member.name, member.raw));
    default:
      return take_text(field, member);
  }
}

Result<void> EventReader::take_text(Field field, const JsonMember& member) {
  const auto text = read_json_string(member.name, member.raw, scratch_);
  if (!text) return std::unexpected(text.error());
  switch (field) {
    case Field::Stream:
      event_.stream = *text;
      return {};
    case Field::Type:
      event_.type = *text;
      return {};
    case Field::Id:
      return assign(event_.id, read_id(member.name, *text));
    case Field::Time:
      return assign(event_.occurred_at, read_time(member.name, *text));
    case Field::DataBase64:
      return assign(event_.data, read_base64(member.name, *text));
    case Field::MetadataBase64:
      return assign(event_.metadata, read_base64(member.name, *text));
    case Field::RecordedAt:
      return {};  // the exporting store's
    default:
      break;
  }
  const auto format = parse_payload_format(*text);
  if (!format) {
    return invalid_argument("format " + in_quotes(*text) +
                            " is unknown: it is \"json\" or \"binary\"");
  }
  event_.format = *format;
  return {};
}

Result<NewEvent> EventReader::finish() {
  if (!has(Field::Stream)) return invalid_argument("field \"stream\" is missing");
  if (!has(Field::Type)) return invalid_argument("field \"type\" is missing");
  if (has(Field::Data) && has(Field::DataBase64)) {
    return invalid_argument("data and data_base64 are both there: give one of them");
  }
  if (has(Field::Metadata) && has(Field::MetadataBase64)) {
    return invalid_argument("metadata and metadata_base64 are both there: give one of them");
  }
  // Of format json it is checked by validate(), as every event's is.
  if (has(Field::Data) && event_.format != PayloadFormat::Json) {
    if (auto valid = require_json("data", event_.data); !valid) {
      return std::unexpected(std::move(valid).error());
    }
  }
  return std::move(event_);
}

void append_count(std::string& out, std::string_view before, std::uint64_t count) {
  out.append(before);
  out += std::to_string(count);
}

void append_time(std::string& out, std::string_view before, Timestamp time) {
  out.append(before);
  out += format_timestamp(time);
  out.push_back('"');
}

}  // namespace

Result<NewEvent> parse_ndjson_event(std::string_view line) {
  return read_members<EventReader>(line);
}

void write_ndjson_event(std::string& out, const EventView& event) {
  append_json_string(out += R"({"stream":)", event.stream);
  append_json_string(out += R"(,"type":)", event.type);
  out += R"(,"id":")";
  out += event.id.to_string();
  out.push_back('"');
  if (event.occurred_at) append_time(out, R"(,"time":")", *event.occurred_at);

  if (event.format == PayloadFormat::Json && fits_in_line(event.data)) {
    out.append(R"(,"data":)").append(event.data);
  } else if (!event.data.empty()) {
    append_base64(out += R"(,"data_base64":")", event.data);
    out.push_back('"');
  }
  if (fits_in_line(event.metadata) && is_json(event.metadata)) {
    out.append(R"(,"metadata":)").append(event.metadata);
  } else if (!event.metadata.empty()) {
    append_base64(out += R"(,"metadata_base64":")", event.metadata);
    out.push_back('"');
  }

  if (!event.tags.empty()) append_json_strings(out += R"(,"tags":)", event.tags);
  if (event.format != PayloadFormat::Json) {
    out.append(R"(,"format":")").append(to_string(event.format)).push_back('"');
  }
  if (event.schema_version != 1) append_count(out, R"(,"schema_version":)", event.schema_version);
  if (event.version.value != 0) append_count(out, R"(,"version":)", event.version.value);
  if (event.position.value != 0) append_count(out, R"(,"position":)", event.position.value);
  if (event.recorded_at != Timestamp{}) append_time(out, R"(,"recorded_at":")", event.recorded_at);
  out.push_back('}');
}

}  // namespace eventstore
