#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "eventstore/append.hpp"
#include "eventstore/deletion.hpp"
#include "eventstore/event.hpp"
#include "eventstore/result.hpp"

// How much of a stream is deleted, and the events that say so: the metadata of stream S, in stream
// "$$S", and a tombstone in S itself.
namespace eventstore {

inline constexpr std::string_view kMetadataPrefix = "$$";
inline constexpr std::string_view kMetadataType = "$metadata";
inline constexpr std::string_view kTombstoneType = "$tombstone";

// The store's own keys in a stream's metadata; each is a whole number from 1 to kBoundMax.
inline constexpr std::string_view kTruncateBeforeKey = "$tb";
inline constexpr std::string_view kMaxCountKey = "$maxCount";
inline constexpr std::string_view kMaxAgeKey = "$maxAge";  // in seconds
inline constexpr std::uint64_t kBoundMax = std::numeric_limits<std::int64_t>::max();

std::string metadata_stream_of(std::string_view stream);

struct StreamBounds {
  StreamVersion truncate_before = {};  // smaller versions are gone; 0: never truncated
  Retention retention = {};
  StreamVersion tombstone = {};  // of the tombstone: all else is gone; 0: there is none

  bool empty() const { return *this == StreamBounds{}; }
  bool is_tombstoned() const { return tombstone.value != 0; }
  // Smaller versions are gone from every read, and from conditions.
  StreamVersion first_kept() const { return std::max(truncate_before, tombstone); }
  // Of a stream whose last event has version `last`.
  StreamState state(StreamVersion last) const;
  friend bool operator==(const StreamBounds&, const StreamBounds&) = default;
};

// Whether a max count or a max age is taken away or grows.
template <typename T>
bool is_relaxed(const std::optional<T>& before, const std::optional<T>& after) {
  return before && (!after || *after > *before);
}

// Whether a stream that is not tombstoned is as expected. `last` is the version of its last event,
// `truncate_before` as in StreamBounds: what is deleted as a whole counts as no stream, too.
bool holds_for(const ExpectedVersion& expected, StreamVersion last, StreamVersion truncate_before);

// The bounds that an event states, which replace the stream's earlier ones.
struct StatedBounds {
  std::string_view stream;  // whose bounds
  StreamBounds bounds;      // empty: metadata that states none
  bool is_tombstone = false;
};

// Absent for an event that is neither a stream's metadata nor a tombstone. The version of a
// tombstone is the caller's to fill in. Fails with InvalidArgument where a bound is none, or is
// one of a stream that cannot have any.
Result<std::optional<StatedBounds>> stated_bounds(std::string_view stream, std::string_view type,
                                                  PayloadFormat format, std::string_view data);

// A metadata document without the store's own keys, every other byte as it was.
std::string without_own_keys(std::string_view json);

// `json`, an object without keys of the store's own (anything else counts as {}), with those of
// `bounds`, and with the keys of the store's own in `before` that are no bounds.
std::string with_own_keys(std::string_view json, const StreamBounds& bounds,
                          std::string_view before);

}  // namespace eventstore
