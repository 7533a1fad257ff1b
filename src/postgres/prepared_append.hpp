#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/append_queue.hpp"
#include "core/file_system.hpp"
#include "core/stream_bounds.hpp"
#include "eventstore/append.hpp"

namespace eventstore::postgres {

// An append that passed validation, with all that the calling thread can do for it.
//
// Ownership: owns the request; what the events name and state points into it, and stays valid where
//            it is moved.
class PreparedAppend {
 public:
  struct Event {
    const NewEvent* event = nullptr;
    Uuid id;
    bool given_id = false;  // by the caller: it may be there already
    std::string tags = {};  // encoded as TagsView reads them
    std::optional<StatedBounds> stated = {};
  };

  // `request` must have passed validate().
  PreparedAppend(AppendRequest request, Environment environment);
  PreparedAppend(PreparedAppend&&) = default;
  PreparedAppend& operator=(PreparedAppend&&) = default;
  PreparedAppend(const PreparedAppend&) = delete;
  PreparedAppend& operator=(const PreparedAppend&) = delete;
  ~PreparedAppend() = default;

  std::span<const Event> events() const { return events_; }
  std::span<const StreamCheck> checks() const { return checks_; }
  const std::optional<AppendCondition>& condition() const { return condition_; }
  const RequestContext& context() const { return context_; }
  bool states_bounds() const { return states_bounds_; }
  std::uint64_t size() const { return size_; }  // bytes of its events, about

 private:
  std::vector<NewEvent> given_;  // moved, never copied: its elements stay where they are
  std::vector<Event> events_;
  std::vector<StreamCheck> checks_;
  std::optional<AppendCondition> condition_;
  RequestContext context_;
  bool states_bounds_ = false;
  std::uint64_t size_ = 0;
};

// One of a group of appends, with its result.
using Pending = PendingAppend<PreparedAppend>;

}  // namespace eventstore::postgres
