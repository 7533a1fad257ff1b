#pragma once

#include <memory>
#include <vector>

#include "eventstore/event_store.hpp"
#include "log/run_index.hpp"

namespace eventstore::log {

// A stretch of the log, over any number of segments, and the index of its events: a posting file,
// or an index in memory where none is made yet. A run ends where the next one begins.
//
// Ownership: shared by the store and by every cursor that reads with it.
// Threads:   immutable; the index of the newest run grows.
struct Run {
  GlobalPosition first_position;
  std::shared_ptr<const RunIndex> index;
  // What the index, made from damaged segments, lacks. Null: it is whole.
  std::shared_ptr<const std::vector<Finding>> damage = nullptr;
  // How often runs were merged to make it; kInMemory: there is no posting file.
  int level = kInMemory;

  static constexpr int kInMemory = -1;

  bool is_in_memory() const { return level == kInMemory; }
  GlobalPosition position_of(Posting posting) const { return {first_position.value + posting}; }
  Posting posting_of(GlobalPosition position) const {
    return static_cast<Posting>(position.value - first_position.value);
  }
};

using RunList = std::vector<std::shared_ptr<const Run>>;

}  // namespace eventstore::log
