#include "stored_event.hpp"

#include <bit>
#include <chrono>
#include <unordered_map>

#include "core/codec.hpp"

namespace eventstore::bench {
namespace {

struct Header {
  std::uint64_t version = 0;
  std::int64_t occurred_at = 0;  // microseconds since 1970
  Uuid id = {};
  std::uint32_t metadata_bytes = 0;
  std::uint32_t data_bytes = 0;
  std::uint16_t stream_bytes = 0;
  std::uint16_t type_bytes = 0;
  std::uint32_t tags_bytes = 0;
};
static_assert(sizeof(Header) == 48);

std::size_t tags_bytes(const std::vector<std::string>& tags) {
  std::size_t sum = 0;
  for (const auto& tag : tags) sum += sizeof(std::uint16_t) + tag.size();
  return sum;
}

template <typename T>
void append_raw(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

void append_tags(const std::vector<std::string>& tags, std::string& out) {
  for (const auto& tag : tags) {
    append_raw(out, static_cast<std::uint16_t>(tag.size()));
    out += tag;
  }
}

void encode_stored_event(const NewEvent& event, std::uint64_t version, std::string& out) {
  const Header header{
      .version = version,
      .occurred_at = event.occurred_at ? event.occurred_at->time_since_epoch().count() : 0,
      .id = event.id.value_or(Uuid{}),
      .metadata_bytes = static_cast<std::uint32_t>(event.metadata.size()),
      .data_bytes = static_cast<std::uint32_t>(event.data.size()),
      .stream_bytes = static_cast<std::uint16_t>(event.stream.size()),
      .type_bytes = static_cast<std::uint16_t>(event.type.size()),
      .tags_bytes = static_cast<std::uint32_t>(tags_bytes(event.tags))};
  out.clear();
  append_raw(out, header);
  out += event.stream;
  out += event.type;
  append_tags(event.tags, out);
  out += event.metadata;
  out += event.data;
}

EventView decode_stored_event(std::uint64_t position, std::string_view bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  bytes.remove_prefix(sizeof header);
  const auto take = [&bytes](std::size_t size) {
    const auto part = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return part;
  };
  EventView event;
  event.position.value = position;
  event.version.value = header.version;
  event.id = header.id;
  event.occurred_at = Timestamp(std::chrono::microseconds(header.occurred_at));
  event.stream = take(header.stream_bytes);
  event.type = take(header.type_bytes);
  event.tags = TagsView(take(header.tags_bytes));
  event.metadata = take(header.metadata_bytes);
  event.data = take(header.data_bytes);
  return event;
}

void append_key_number(std::uint64_t number, std::string& out) {
  append_raw(out, std::byteswap(number));
}

std::uint64_t key_number(std::string_view bytes) {
  return std::byteswap(load_le<std::uint64_t>(bytes.data()));
}

std::string stream_prefix(std::string_view stream) {
  std::string prefix(stream);
  prefix += '\0';
  return prefix;
}

std::optional<Versions> decide_versions(
    const AppendRequest& request,
    const std::function<std::uint64_t(std::string_view stream)>& version_of) {
  Versions versions;
  std::unordered_map<std::string_view, std::size_t> places;  // in of_streams
  const auto place_of = [&](std::string_view stream) {
    const auto [found, is_new] = places.try_emplace(stream, versions.of_streams.size());
    if (is_new) versions.of_streams.emplace_back(stream, version_of(stream));
    return found->second;
  };
  for (const auto& check : request.checks) {
    const StreamVersion actual{versions.of_streams[place_of(check.stream)].second};
    if (!check.expected.holds_for(actual)) return std::nullopt;
  }
  versions.of_events.reserve(request.events.size());
  for (const auto& event : request.events) {
    versions.of_events.push_back(++versions.of_streams[place_of(event.stream)].second);
  }
  return versions;
}

}  // namespace eventstore::bench
