#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postgres/connection.hpp"
#include "postgres/group_place.hpp"
#include "postgres/group_rows.hpp"
#include "postgres/months.hpp"
#include "postgres/prepared_append.hpp"
#include "postgres/statements.hpp"
#include "postgres/stored_state.hpp"

namespace eventstore::postgres {

// A group of appends of which all are expected to be accepted: one statement looks whether they are
// and stores them, or stores nothing, so that nobody waits for an answer while the lock is held.
//
// It takes plain appends: their events and expected versions. Whatever needs a second look, a
// condition, something deleted, a stream whose last event lies in an earlier month, a month that
// begins, ids that are there already, is left to AppendGroup.
//
// Ownership: borrows the appends.
// Threads:   one at a time.
class OptimisticGroup {
 public:
  // Absent: something in the group is not plain, or two of its checks contradict each other.
  static std::optional<OptimisticGroup> of(std::span<Pending* const> group);

  // The statement.
  Call call(const GroupPlace& place, Statements& statements) const;

  // What the statement has done.
  struct Stored {
    std::vector<AppendResult> results;  // in the order of the group
    Timestamp recorded_at;
    GlobalPosition found = {};  // the head before
    Uuid found_id = {};         // of the event there
    StoredState left = {};      // the head and the streams that have got events, behind it
  };
  // Absent: nothing was stored. `month`: the group's.
  std::optional<Stored> take(const Rows& rows, Month month) const;

  bool has_events() const { return rows_.size() != 0; }

 private:
  // What must be true of a stream's version before the group.
  struct Stream {
    std::string_view name;
    std::int32_t rule = 0;  // 0: anything, 1: it exists, 2: it is `version`
    std::uint64_t version = 0;
    std::uint64_t events = 0;       // of the group in this stream
    std::uint64_t first_event = 0;  // ordinal of the first of them, from 1
  };
  struct Member {
    std::size_t events = 0;
    std::size_t first_event = 0;  // in rows_
  };

  OptimisticGroup() = default;
  std::int32_t ordinal_of(std::string_view stream);
  bool add(const PreparedAppend& append);
  bool add_check(const StreamCheck& check);

  bool has_given_ids_ = false;
  std::vector<Stream> streams_;
  std::unordered_map<std::string_view, std::int32_t> ordinals_;  // of streams_, from 1
  std::vector<Member> members_;
  GroupRows rows_;
  std::vector<std::int32_t> stream_ordinals_;  // of each event
  std::vector<std::uint64_t> offsets_;  // of each event: its version less the stream's before
};

}  // namespace eventstore::postgres
