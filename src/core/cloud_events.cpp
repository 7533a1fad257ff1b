#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "core/base64.hpp"
#include "core/cloud_event_attributes.hpp"
#include "core/event_text.hpp"
#include "core/json_members.hpp"
#include "core/json_text.hpp"
#include "core/refusal.hpp"
#include "core/utf8.hpp"
#include "eventstore/text.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kBase64Member = "data_base64";
constexpr std::string_view kListSpace = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kListSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kListSpace) - begin + 1);
}

// The tags in an attribute's text: a JSON array of strings, or a list with commas.
Result<std::vector<std::string>> read_tags(std::string_view text) {
  auto list = trimmed(text);
  if (list.starts_with('[')) return read_json_strings("tags", list);
  std::vector<std::string> tags;
  while (!list.empty()) {
    const auto comma = list.find(',');
    tags.emplace_back(trimmed(list.substr(0, comma)));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return tags;
}

// Reads the members of one CloudEvent into an event.
class CloudEventReader {
 public:
  Result<void> take(const JsonMember& member);
  Result<NewEvent> finish();

 private:
  Result<void> take_text(const JsonMember& member);
  Result<void> take_extension(const JsonMember& member);
  Result<void> take_schema_version(const JsonMember& member);
  Result<void> check_members() const;
  Result<void> set_data();

  NewEvent event_;
  CloudEventAttributes attributes_;
  std::string spec_version_;
  std::vector<std::string> names_;  // of all members, in order
  std::optional<std::string> metadata_;
  std::optional<std::string> metadata_base64_;
  std::optional<std::string_view> data_;  // as it stands in the line
  std::optional<std::string> data_base64_;
};

Result<void> CloudEventReader::take(const JsonMember& member) {
  names_.emplace_back(member.name);
  if (member.name == "data") {
    data_ = member.raw;
    return {};
  }
  if (member.name != kBase64Member && !is_attribute_name(member.name)) {
    return invalid_argument("attribute " + in_quotes(member.name) +
                            " is none: CloudEvents name them with a-z and 0-9 only");
  }
  if (member.raw == "null") return {};  // the same as to leave it out
  if (member.name == "schemaversion") return take_schema_version(member);
  return take_text(member);
}

Result<void> CloudEventReader::take_text(const JsonMember& member) {
  const std::array<std::pair<std::string_view, std::string*>, 8> places{
      {{"specversion", &spec_version_},
       {"id", &attributes_.id},
       {"source", &attributes_.source},
       {"type", &event_.type},
       {"subject", &attributes_.subject},
       {"dataschema", &attributes_.dataschema},
       {"datacontenttype", &attributes_.datacontenttype},
       {"stream", &event_.stream}}};
  const auto* const place =
      std::ranges::find(places, member.name, [](const auto& p) { return p.first; });
  const bool is_ours = is_own_attribute(member.name) || member.name == kBase64Member;
  if (place == places.end() && !is_ours) return take_extension(member);

  std::string scratch;
  const auto text = read_json_string(member.name, member.raw, scratch);
  if (!text) return std::unexpected(text.error());
  if (place != places.end()) {
    if (text->empty()) return invalid_argument(std::string(member.name) + " is empty");
    *place->second = *text;
    return {};
  }
  if (member.name == "time") return assign(event_.occurred_at, read_time("time", *text));
  if (member.name == "tags") return assign(event_.tags, read_tags(*text));
  if (member.name == "metadata") return assign(metadata_, Result<std::string>(*text));
  if (member.name == "metadatabase64") {
    return assign(metadata_base64_, read_base64(member.name, *text));
  }
  if (member.name == kBase64Member) return assign(data_base64_, read_base64(member.name, *text));
  return {};  // globalposition, streamversion and recordedtime are the exporting store's
}

Result<void> CloudEventReader::take_extension(const JsonMember& member) {
  auto value = read_extension_value(member.raw);
  if (!value) {
    return invalid_argument("attribute " + std::string(member.name) + ' ' + in_quotes(member.raw) +
                            " is neither a string nor an integer nor a boolean");
  }
  attributes_.extensions.push_back({.name = std::string(member.name), .value = *std::move(value)});
  return {};
}

Result<void> CloudEventReader::take_schema_version(const JsonMember& member) {
  const bool is_string = member.raw.starts_with('"') && member.raw.size() > 2;
  const auto digits = is_string ? member.raw.substr(1, member.raw.size() - 2) : member.raw;
  return assign(event_.schema_version, read_schema_version(member.name, digits));
}

Result<void> CloudEventReader::check_members() const {
  auto sorted = names_;
  std::ranges::sort(sorted);
  if (const auto twin = std::ranges::adjacent_find(sorted); twin != sorted.end()) {
    return invalid_argument("attribute " + in_quotes(*twin) + " is there twice");
  }
  if (spec_version_.empty()) return invalid_argument("attribute \"specversion\" is missing");
  if (spec_version_ != "1.0") {
    return invalid_argument("specversion " + in_quotes(spec_version_) +
                            " is unknown: it is \"1.0\"");
  }
  if (attributes_.id.empty()) return invalid_argument("attribute \"id\" is missing");
  if (attributes_.source.empty()) return invalid_argument("attribute \"source\" is missing");
  if (event_.type.empty()) return invalid_argument("attribute \"type\" is missing");
  if (data_ && data_base64_) {
    return invalid_argument("data and data_base64 are both there: give one of them");
  }
  if (metadata_ && metadata_base64_) {
    return invalid_argument("metadata and metadatabase64 are both there: give one of them");
  }
  return {};
}

Result<void> CloudEventReader::set_data() {
  const std::string& content_type = attributes_.datacontenttype;
  if (!content_type.empty()) event_.format = payload_format_of(content_type);
  if (data_base64_) {
    if (content_type.empty()) event_.format = PayloadFormat::Binary;
    event_.data = *std::move(data_base64_);
    return {};
  }
  if (!data_) return {};
  if (event_.format == PayloadFormat::Json) {
    event_.data = *data_;  // checked by validate(), as every event's is
    return {};
  }
  if (*data_ == "null") return {};
  if (data_->starts_with('"')) {
    std::string scratch;
    const auto text = read_json_string("data", *data_, scratch);
    if (!text) return std::unexpected(text.error());
    event_.data = *text;
    return {};
  }
  event_.data = *data_;
  return require_json("data", *data_);
}

Result<NewEvent> CloudEventReader::finish() {
  if (auto valid = check_members(); !valid) return std::unexpected(std::move(valid).error());
  if (auto set = set_data(); !set) return std::unexpected(std::move(set).error());
  event_.id = event_id_of(attributes_.source, attributes_.id);
  if (event_.stream.empty()) {
    event_.stream = attributes_.subject.empty() ? attributes_.source : attributes_.subject;
  }
  if (metadata_ || metadata_base64_) {
    event_.metadata = *std::move(metadata_ ? metadata_ : metadata_base64_);
  } else {
    event_.metadata = metadata_of(attributes_, event_.stream, *event_.id, event_.format);
  }
  return std::move(event_);
}

// The attributes that `event` is exported with: those it was imported with, where they still fit.
CloudEventAttributes exported_attributes(const EventView& event) {
  CloudEventAttributes attributes = attributes_of(event.metadata);
  if (attributes.source.empty()) attributes.source = default_source(event.stream);
  if (attributes.id.empty() || event_id_of(attributes.source, attributes.id) != event.id) {
    attributes.id = event.id.to_string();
  }
  if (attributes.datacontenttype.empty() ||
      payload_format_of(attributes.datacontenttype) != event.format) {
    attributes.datacontenttype = default_content_type(event.format);
  }
  return attributes;
}

// Whether `text` may be the value of a string: valid UTF-8, of control characters only `allowed`.
bool is_text(std::string_view text, std::string_view allowed) {
  const bool has_control = std::ranges::any_of(text, [&](char c) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    return is_control && !allowed.contains(c);
  });
  return !has_control && is_utf8(text);
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text);
}

void append_base64_member(std::string& out, std::string_view name, std::string_view bytes) {
  out.append(",\"").append(name).append("\":\"");
  append_base64(out, bytes);
  out.push_back('"');
}

void append_data(std::string& out, const EventView& event, std::string_view content_type) {
  if (event.data.empty()) return;
  if (event.format == PayloadFormat::Json && fits_in_line(event.data)) {
    out.append(R"(,"data":)").append(event.data);
  } else if (event.format != PayloadFormat::Json &&
             content_type != default_content_type(event.format) && is_text(event.data, "\t\n\r")) {
    append_text(out, "data", event.data);
  } else {
    append_base64_member(out, kBase64Member, event.data);
  }
}

void append_own(std::string& out, const EventView& event) {
  append_text(out, "stream", event.stream);
  if (!event.tags.empty()) {
    std::string tags;
    append_json_strings(tags, event.tags);
    append_text(out, "tags", tags);
  }
  if (event.schema_version == 1) return;
  // An integer of CloudEvents has 32 bits and a sign.
  const auto version = std::to_string(event.schema_version);
  const bool is_integer = std::in_range<std::int32_t>(event.schema_version);
  out.append(R"(,"schemaversion":)").append(is_integer ? version : '"' + version + '"');
}

void append_metadata(std::string& out, std::string_view metadata) {
  if (is_text(metadata, "")) {
    out += R"(,"metadata":)";
    append_json_string(out, metadata);
  } else {
    append_base64_member(out, "metadatabase64", metadata);
  }
}

}  // namespace

Result<NewEvent> parse_cloud_event(std::string_view line) {
  return read_members<CloudEventReader>(line);
}

void write_cloud_event(std::string& out, const EventView& event) {
  const CloudEventAttributes attributes = exported_attributes(event);
  out += R"({"specversion":"1.0")";
  append_text(out, "id", attributes.id);
  append_text(out, "source", attributes.source);
  append_text(out, "type", event.type);
  append_text(out, "subject", attributes.subject);
  if (event.occurred_at) append_text(out, "time", format_timestamp(*event.occurred_at));
  append_text(out, "dataschema", attributes.dataschema);
  append_text(out, "datacontenttype", attributes.datacontenttype);
  append_own(out, event);
  for (const auto& [name, value] : attributes.extensions) {
    out.append(",\"").append(name).append("\":").append(value);
  }
  // What an import would not make of the attributes alone is stated in full.
  if (event.metadata != metadata_of(attributes, event.stream, event.id, event.format)) {
    append_metadata(out, event.metadata);
  }
  if (event.position.value != 0) {
    append_text(out, "globalposition", std::to_string(event.position.value));
  }
  if (event.version.value != 0) {
    append_text(out, "streamversion", std::to_string(event.version.value));
  }
  if (event.recorded_at != Timestamp{}) {
    append_text(out, "recordedtime", format_timestamp(event.recorded_at));
  }
  append_data(out, event, attributes.datacontenttype);
  out.push_back('}');
}

}  // namespace eventstore
