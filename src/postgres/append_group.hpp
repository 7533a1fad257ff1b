#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/bounds_check.hpp"
#include "eventstore/append.hpp"
#include "postgres/prepared_append.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// One commit group while it is being put together: decides appends one after another, each seeing
// what was accepted before it, and collects what is to be written.
//
// Ownership: borrows the state and every append it is given.
// Threads:   one at a time.
class AppendGroup {
 public:
  // The first version of a stream that was recorded at `oldest` or later; the next to come if none
  // was.
  using FirstSince = std::function<Result<StreamVersion>(StreamId stream, Timestamp oldest)>;

  struct AcceptedEvent {
    const PreparedAppend::Event* event = nullptr;
    StreamId stream_id = 0;
    StreamVersion version = {};
    bool last_of_append = false;
  };
  struct NewStream {
    StreamId id = 0;
    std::string_view name = {};
    Month month = {};  // none: named by metadata alone
  };
  struct StreamMonth {
    StreamId id = 0;
    StreamVersion first_version = {};
  };
  struct NewBounds {
    StreamId id = 0;
    GlobalPosition position = {};
    StreamBounds bounds = {};
  };

  // `recorded_at`: when what is accepted is recorded.
  AppendGroup(StoredState& state, Timestamp recorded_at, FirstSince first_since);

  // The answer to the append that is at `ordinal` of the group, if the group comes to be durable; a
  // failure is its alone.
  Result<AppendResult> decide(const PreparedAppend& append, std::size_t ordinal);

  bool empty() const { return events_.empty(); }
  Timestamp recorded_at() const { return recorded_at_; }
  GlobalPosition first_position() const { return {state_.head.value + 1}; }
  const Uuid& id_before() const { return state_.head_id; }  // of the event before the first
  const std::vector<AcceptedEvent>& events() const { return events_; }  // in order of position
  const std::vector<NewStream>& new_streams() const { return new_streams_; }
  const std::vector<StreamMonth>& stream_months() const { return stream_months_; }
  const std::vector<NewBounds>& new_bounds() const { return new_bounds_; }

 private:
  Result<std::optional<AppendResult>> find_repetition(const PreparedAppend& append) const;
  Result<void> refuse_tombstoned(const PreparedAppend& append) const;
  Result<void> check_versions(const PreparedAppend& append) const;
  Result<void> check_condition(const AppendCondition& condition, std::size_t ordinal) const;
  Result<BoundsCheck::Changes> check_bounds(const PreparedAppend& append) const;
  AppendResult place(const PreparedAppend& append, const BoundsCheck::Changes& changes);
  GlobalPosition head() const { return {state_.head.value + events_.size()}; }

  StoredState& state_;  // kept up to date with what is accepted
  const Timestamp recorded_at_;
  const Month month_;
  const FirstSince first_since_;
  std::vector<AcceptedEvent> events_;
  std::vector<NewStream> new_streams_;
  std::vector<StreamMonth> stream_months_;
  std::vector<NewBounds> new_bounds_;
};

}  // namespace eventstore::postgres
