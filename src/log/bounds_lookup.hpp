#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/stream_bounds.hpp"
#include "log/format.hpp"
#include "log/log_view.hpp"

// The bounds of streams, found through the index: the newest event that states those of a stream
// says what they are. Where it is lost to damage, an earlier one does, or none.
namespace eventstore::log {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename T>
using StreamMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;  // by name

// What is known of streams, by name. Memory has a limit: beyond so many all of it is forgotten.
//
// Threads: one at a time.
template <typename T>
class KnownStreams {
 public:
  // Null: nothing. Valid until the next add().
  T* find(std::string_view stream) {
    const auto known = known_.find(stream);
    return known == known_.end() ? nullptr : &known->second;
  }
  T& add(std::string_view stream, T what) {
    if (known_.size() == kStreamsMax) known_.clear();
    return known_.emplace(stream, std::move(what)).first->second;
  }

 private:
  static constexpr std::size_t kStreamsMax = 4096;
  StreamMap<T> known_;
};

// The stream whose bounds a stored event states; empty: it states none.
std::string_view bounded_stream(const StoredEvent& event);

// Whether any event states bounds: where none does, nothing is hidden.
bool has_bounds(const RunList& runs);

// As visible in `snapshot`; empty where none were ever stated.
Result<StreamBounds> bounds_of(const Snapshot& snapshot, std::string_view stream,
                               std::uint64_t secret);

// The first version of a stream with these bounds that a read of it shows, max count and max age
// included; greater than the last version where it shows none. `wall`: the time by the clock.
Result<StreamVersion> first_readable(const Snapshot& snapshot, std::string_view stream,
                                     const StreamBounds& bounds, std::uint64_t secret,
                                     Timestamp wall);

// The store's time: it does not go back where the clock, which says `wall`, does, so that what was
// too old stays so. Where the newest event cannot be read, the clock has to do.
Timestamp time_of(const Snapshot& snapshot, Timestamp wall);

// `time` less `age`, which may be longer than there were times.
Timestamp before(Timestamp time, std::chrono::seconds age);

// The first version of a stream that was not older than `age` at `now`; the next to come if all
// are.
Result<StreamVersion> first_young(const Snapshot& snapshot, std::string_view stream,
                                  std::chrono::seconds age, std::uint64_t secret, Timestamp now);

// What truncation and deletion hide from one reader: looks up each stream's bounds once, as long as
// there are not too many.
//
// Ownership: keeps the snapshot.
// Threads:   one at a time.
class HiddenVersions {
 public:
  HiddenVersions(Snapshot snapshot, std::uint64_t secret);

  // Versions before it are gone.
  Result<StreamVersion> first_kept(std::string_view stream);
  Result<bool> hides(const EventView& event);

  bool any() const { return any_; }  // whether anything can be hidden

 private:
  const Snapshot snapshot_;
  const std::uint64_t secret_;
  const bool any_;
  KnownStreams<StreamVersion> known_;
};

}  // namespace eventstore::log
