#include "core/stream_bounds.hpp"

#include <chrono>
#include <utility>
#include <vector>

#include "core/json_members.hpp"
#include "core/refusal.hpp"

namespace eventstore {
namespace {

// One member of an object: its text, from behind the brace or comma before it to its end.
struct Part {
  std::string name;
  std::string_view raw;
  std::string_view text;
};

// An object taken apart: `open`, the parts with commas between them, `close`.
struct Document {
  std::string_view open;
  std::vector<Part> parts;
  std::string_view close;
};

// Absent for what is no object.
std::optional<Document> take_apart(std::string_view json) {
  const auto brace = json.find('{');
  if (brace == std::string_view::npos) return std::nullopt;
  Document document{.open = json.substr(0, brace + 1), .parts = {}, .close = {}};
  JsonMembers members(json);
  auto begin = brace + 1;
  auto end = begin;
  while (true) {
    const auto member = members.next();
    if (!member) return std::nullopt;
    if (!*member) break;
    const auto raw = (*member)->raw;
    end = static_cast<std::size_t>(raw.data() + raw.size() - json.data());
    // White space in front of a comma is part of what stands before it.
    const auto next = json.find_first_not_of(" \t\r\n", end);
    const bool is_last = json[next] == '}';
    if (!is_last) end = next;
    document.parts.push_back({.name = std::string((*member)->name),
                              .raw = raw,
                              .text = json.substr(begin, end - begin)});
    begin = end + 1;
  }
  document.close = json.substr(end);
  return document;
}

std::string put_together(std::string_view open, const std::vector<std::string_view>& parts,
                         std::string_view close) {
  std::string json(open);
  for (std::size_t index = 0; index < parts.size(); ++index) {
    if (index > 0) json += ',';
    json += parts[index];
  }
  return json.append(close);
}

bool is_bound(std::string_view key) {
  return key == kTruncateBeforeKey || key == kMaxCountKey || key == kMaxAgeKey;
}

Result<std::uint64_t> read_bound(const Part& part) {
  const auto value = read_json_count(part.name, part.raw);
  if (value && *value >= 1 && *value <= kBoundMax) return *value;
  return invalid_argument("the stream metadata key " + in_quotes(part.name) + " is " +
                          std::string(part.raw.substr(0, 50)) +
                          ", but must be a whole number from 1 to " + std::to_string(kBoundMax));
}

Result<StreamBounds> read_bounds(std::string_view json) {
  const auto document = take_apart(json);
  StreamBounds bounds;
  if (!document) return bounds;
  std::vector<std::string_view> seen;
  for (const auto& part : document->parts) {
    if (!is_bound(part.name)) continue;
    if (std::ranges::find(seen, part.name) != seen.end()) {
      return invalid_argument("the stream metadata key " + in_quotes(part.name) + " comes twice");
    }
    seen.emplace_back(part.name);
    const auto value = read_bound(part);
    if (!value) return std::unexpected(value.error());
    if (part.name == kTruncateBeforeKey) {
      bounds.truncate_before = {*value};
    } else if (part.name == kMaxCountKey) {
      bounds.retention.max_count = *value;
    } else {
      bounds.retention.max_age = std::chrono::seconds{*value};
    }
  }
  return bounds;
}

std::vector<std::string> members_of(const StreamBounds& bounds) {
  std::vector<std::string> members;
  const auto add = [&](std::string_view key, std::uint64_t value) {
    members.push_back('"' + std::string(key) + "\":" + std::to_string(value));
  };
  if (bounds.truncate_before.value != 0) add(kTruncateBeforeKey, bounds.truncate_before.value);
  if (bounds.retention.max_count) add(kMaxCountKey, *bounds.retention.max_count);
  if (bounds.retention.max_age) {
    add(kMaxAgeKey, static_cast<std::uint64_t>(bounds.retention.max_age->count()));
  }
  return members;
}

}  // namespace

std::string_view to_string(StreamState state) {
  switch (state) {
    case StreamState::Live:
      return "live";
    case StreamState::Deleted:
      return "deleted";
    case StreamState::Tombstoned:
      return "tombstoned";
  }
  std::unreachable();
}

std::string metadata_stream_of(std::string_view stream) {
  return std::string(kMetadataPrefix).append(stream);
}

StreamState StreamBounds::state(StreamVersion last) const {
  if (is_tombstoned()) return StreamState::Tombstoned;
  return last.value != 0 && last < truncate_before ? StreamState::Deleted : StreamState::Live;
}

bool holds_for(const ExpectedVersion& expected, StreamVersion last, StreamVersion truncate_before) {
  if (last >= truncate_before) return expected.holds_for(last);
  return expected.holds_for(StreamVersion{0}) ||
         (expected.kind() == ExpectedVersion::Kind::Exactly && expected.holds_for(last));
}

Result<std::optional<StatedBounds>> stated_bounds(std::string_view stream, std::string_view type,
                                                  PayloadFormat format, std::string_view data) {
  const bool is_metadata_stream = stream.starts_with(kMetadataPrefix);
  if (type == kTombstoneType) {
    if (is_metadata_stream) {
      return invalid_argument("stream " + in_quotes(stream) +
                              " is the metadata of a stream, which cannot be deleted");
    }
    return StatedBounds{.stream = stream, .bounds = {}, .is_tombstone = true};
  }
  if (type != kMetadataType || !is_metadata_stream || stream.size() == kMetadataPrefix.size()) {
    return std::nullopt;
  }
  StatedBounds stated{.stream = stream.substr(kMetadataPrefix.size()), .bounds = {}};
  if (format != PayloadFormat::Json) return stated;
  auto bounds = read_bounds(data);
  if (!bounds) return std::unexpected(std::move(bounds).error());
  stated.bounds = *bounds;
  if (!stated.bounds.empty() && stated.stream.starts_with(kMetadataPrefix)) {
    return invalid_argument("stream " + in_quotes(stated.stream) +
                            " is the metadata of a stream, which cannot be truncated");
  }
  return stated;
}

void forget_truncation(NewEvent& event) {
  const auto stated = stated_bounds(event.stream, event.type, event.format, event.data);
  if (!stated || !*stated || (*stated)->bounds.truncate_before.value <= 1) return;
  auto bounds = (*stated)->bounds;
  bounds.truncate_before = {1};
  event.data = with_own_keys(without_own_keys(event.data), bounds, event.data);
}

std::string without_own_keys(std::string_view json) {
  const auto document = take_apart(json);
  if (!document) return std::string(json);
  std::vector<std::string_view> kept;
  for (const auto& part : document->parts) {
    if (!is_system_name(part.name)) kept.push_back(part.text);
  }
  return put_together(document->open, kept, document->close);
}

std::string with_own_keys(std::string_view json, const StreamBounds& bounds,
                          std::string_view before) {
  auto document = take_apart(json);
  if (!document) document = take_apart("{}");
  const auto stated = members_of(bounds);
  std::vector<std::string_view> parts(stated.begin(), stated.end());
  const auto earlier = take_apart(before);
  if (earlier) {
    for (const auto& part : earlier->parts) {
      if (is_system_name(part.name) && !is_bound(part.name)) parts.push_back(part.text);
    }
  }
  for (const auto& part : document->parts) parts.push_back(part.text);
  return put_together(document->open, parts, document->close);
}

}  // namespace eventstore
