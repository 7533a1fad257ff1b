#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "postgres/prepared_append.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// What this process remembers of the store from one group of appends to the next, so that the next
// need not look. In a store nothing changes that decides about appends unless an event says so, and
// every event moves the head: for as long as the head is the one remembered here, all of this is
// true. Whoever stores what was decided with it has the server compare the heads, under the lock.
//
// It is of use to a process that appends alone. Where others append as well, the head is never the
// one that was left, and nothing is recalled.
//
// Threads: one at a time.
class RememberedState {
 public:
  // Absent: other processes append too, or the group needs to know what is not remembered here. A
  // stream that is not, but is expected not to exist, is taken for new: whoever adds it finds out,
  // since a name is stored only once.
  std::optional<StoredState> recall(std::span<Pending* const> group) const;

  // What a group found and left: the store's head before it and the id of the event there (nil
  // where nobody asked), and all as it is behind it.
  void learn(GlobalPosition found, const Uuid& found_id, const StoredState& left);
  // The head was not the one remembered.
  void forget();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  using Streams = std::unordered_map<std::string, StoredStream, Hash, std::equal_to<>>;

  bool add_streams(const PreparedAppend& append, StoredState& state) const;
  const StoredStream* find(std::string_view name) const;
  void remember(std::string_view name, const StoredStream& stream);

  // A process is taken to append alone after so many groups that found the head where it was left;
  // twice as many each time that this was wrong.
  static constexpr std::uint32_t kUndisturbedMin = 2;
  static constexpr std::uint32_t kUndisturbedMax = 64;

  GlobalPosition head_ = {};
  Uuid head_id_ = {};  // of the event there: behind a pooler the server may be another one by now
  Month last_month_ = {};
  std::uint32_t undisturbed_ = 0;  // groups
  std::uint32_t undisturbed_needed_ = kUndisturbedMin;
  // Two generations: when the younger is full, the older is given up and the younger takes its
  // place. A stream that is appended to comes into the younger one.
  Streams young_;
  Streams old_;
};

}  // namespace eventstore::postgres
