#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/append.hpp"
#include "eventstore/event.hpp"

namespace eventstore::bench {

// What the candidates that store keys and values have in common.

// Writes an event over `out`: a header of fixed size, then stream, type, tags, metadata, data.
void encode_stored_event(const NewEvent& event, std::uint64_t version, std::string& out);
// The views point into `bytes`.
EventView decode_stored_event(std::uint64_t position, std::string_view bytes);

// The tags as TagsView reads them, appended to `out`.
void append_tags(const std::vector<std::string>& tags, std::string& out);

// Big-endian, so that keys in byte order are in the order of their numbers.
void append_key_number(std::uint64_t number, std::string& out);
std::uint64_t key_number(std::string_view bytes);

// The first part of the keys of a stream's events: a name holds no zero byte.
std::string stream_prefix(std::string_view stream);

// What an append comes to: the version of each of its events, and of each of its streams.
struct Versions {
  std::vector<std::uint64_t> of_events;
  std::vector<std::pair<std::string_view, std::uint64_t>> of_streams;  // names in the request
};

// Absent where a check of the request does not hold. `version_of` looks a stream up.
std::optional<Versions> decide_versions(
    const AppendRequest& request,
    const std::function<std::uint64_t(std::string_view stream)>& version_of);

}  // namespace eventstore::bench
