#include "core/cloud_event_attributes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "core/json_members.hpp"
#include "core/json_text.hpp"
#include "core/name_uuid.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr std::string_view kKeptMember = "cloudevents";

// Sorted.
constexpr std::array<std::string_view, 12> kOwnAttributes{
    "data",          "globalposition", "metadata",    "metadatabase64",
    "recordedtime",  "schemaversion",  "specversion", "stream",
    "streamversion", "tags",           "time",        "type"};
static_assert(std::ranges::is_sorted(kOwnAttributes));

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += out.empty() ? '{' : ',';
  append_json_string(out, name);
  append_json_string(out += ':', value);
}

// Puts one kept member where it belongs; false where it is no attribute.
bool take_kept(CloudEventAttributes& attributes, const JsonMember& member) {
  if (!is_attribute_name(member.name) || is_own_attribute(member.name)) return false;
  const std::array<std::pair<std::string_view, std::string*>, 5> texts{
      {{"id", &attributes.id},
       {"source", &attributes.source},
       {"subject", &attributes.subject},
       {"dataschema", &attributes.dataschema},
       {"datacontenttype", &attributes.datacontenttype}}};
  for (const auto& [name, place] : texts) {
    if (member.name != name) continue;
    std::string scratch;
    const auto text = read_json_string(member.name, member.raw, scratch);
    if (!text || text->empty() || !place->empty()) return false;
    *place = *text;
    return true;
  }
  auto value = read_extension_value(member.raw);
  if (!value) return false;
  attributes.extensions.push_back({.name = std::string(member.name), .value = *std::move(value)});
  return true;
}

bool has_twins(const std::vector<CloudEventAttributes::Extension>& extensions) {
  std::vector<std::string_view> names;
  names.reserve(extensions.size());
  for (const auto& extension : extensions) names.emplace_back(extension.name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

// The attributes in the object `kept`; nothing if any member of it is not one.
CloudEventAttributes read_kept(std::string_view kept) {
  CloudEventAttributes attributes;
  JsonMembers members(kept);
  while (true) {
    const auto member = members.next();
    if (!member) return {};
    if (!*member) break;
    if (!take_kept(attributes, **member)) return {};
  }
  if (has_twins(attributes.extensions)) return {};
  return attributes;
}

}  // namespace

bool is_own_attribute(std::string_view name) {
  return std::ranges::binary_search(kOwnAttributes, name);
}

bool is_attribute_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

std::optional<std::string> read_extension_value(std::string_view raw) {
  if (raw == "true" || raw == "false") return std::string(raw);
  if (raw.starts_with('"')) {
    std::string scratch;
    const auto text = read_json_string("extension", raw, scratch);
    if (!text) return std::nullopt;
    std::string value;
    append_json_string(value, *text);
    return value;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (error != std::errc() || end != raw.data() + raw.size()) return std::nullopt;
  // Also keeps out what JSON does not know: "007" and "-0" as another form of 0.
  auto value = std::to_string(number);
  if (value != raw) return std::nullopt;
  return value;
}

std::string default_source(std::string_view stream) {
  std::string source = "/streams/";
  for (const char c : stream) {
    if (is_unreserved(c)) {
      source.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    source.push_back('%');
    source.push_back(kHexDigits[byte >> 4]);
    source.push_back(kHexDigits[byte & 0xf]);
  }
  return source;
}

std::string_view default_content_type(PayloadFormat format) {
  return format == PayloadFormat::Json ? "application/json" : "application/octet-stream";
}

PayloadFormat payload_format_of(std::string_view content_type) {
  auto type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  while (type.starts_with(' ') || type.starts_with('\t')) type.remove_prefix(1);
  std::string lower(type);
  std::ranges::transform(lower, lower.begin(), to_lower);
  const bool is_json =
      lower == "application/json" || lower == "text/json" || lower.ends_with("+json");
  return is_json ? PayloadFormat::Json : PayloadFormat::Binary;
}

Uuid event_id_of(std::string_view source, std::string_view id) {
  if (const auto uuid = Uuid::parse(id); uuid && !uuid->is_nil()) return *uuid;
  std::string both(source);
  both.push_back('\0');
  both.append(id);
  return uuid_from_bytes_hash("cloudevents", both);
}

std::string metadata_of(const CloudEventAttributes& attributes, std::string_view stream,
                        const Uuid& id, PayloadFormat format) {
  std::string kept;
  if (attributes.id != id.to_string()) append_member(kept, "id", attributes.id);
  if (attributes.source != default_source(stream)) append_member(kept, "source", attributes.source);
  append_member(kept, "subject", attributes.subject);
  append_member(kept, "dataschema", attributes.dataschema);
  if (attributes.datacontenttype != default_content_type(format)) {
    append_member(kept, "datacontenttype", attributes.datacontenttype);
  }
  for (const auto& [name, value] : attributes.extensions) {
    kept += kept.empty() ? '{' : ',';
    append_json_string(kept, name);
    kept.append(":").append(value);
  }
  if (kept.empty()) return {};
  std::string metadata = "{";
  append_json_string(metadata, kKeptMember);
  return metadata.append(":").append(kept).append("}}");
}

CloudEventAttributes attributes_of(std::string_view metadata) {
  if (!metadata.contains(kKeptMember)) return {};
  JsonMembers members(metadata);
  while (true) {
    const auto member = members.next();
    if (!member || !*member) return {};
    if ((*member)->name == kKeptMember) return read_kept((*member)->raw);
  }
}

}  // namespace eventstore
