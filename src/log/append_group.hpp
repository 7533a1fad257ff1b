#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "eventstore/event_store.hpp"
#include "log/format.hpp"
#include "log/group_bounds.hpp"
#include "log/log_reader.hpp"
#include "log/log_tail.hpp"
#include "log/prepared_append.hpp"

namespace eventstore::log {

// One commit group while it is being put together: decides appends one after another, each seeing
// what was accepted before it, and gives the accepted ones their places in a frame to come.
//
// Ownership: borrows the tail and every append it is given.
// Threads:   the writer's.
class AppendGroup {
 public:
  // `now`: when what is accepted is recorded, or a little before.
  AppendGroup(LogTail& tail, Timestamp now);
  AppendGroup(const AppendGroup&) = delete;
  AppendGroup& operator=(const AppendGroup&) = delete;
  ~AppendGroup() = default;

  // The answer to `append` if the group comes to be durable; a failure is its alone. On success
  // with events its bytes are part of the frame from now on, and indexed.
  Result<AppendResult> decide(PreparedAppend& append);

  bool empty() const { return events_.empty(); }

  // The frame of what was accepted: its header but for its link, and its body.
  FrameHeader frame(Timestamp recorded_at) const;
  std::span<const std::span<const std::byte>> bodies() const { return bodies_; }

  // Takes the accepted events out of the index again: the frame could not be written.
  void withdraw();

 private:
  struct Event {
    std::string_view stream;
    std::string_view type;
    TagsView tags;
    Uuid id;
    StreamVersion version;
  };

  Result<std::optional<AppendResult>> find_repetition(const PreparedAppend& append);
  Result<std::optional<EventLocation>> locate(const PreparedAppend::Event& event);
  Result<void> check_versions(const PreparedAppend& append);
  Result<void> check_condition(const AppendCondition& condition);
  Result<std::optional<GlobalPosition>> first_match(const Query& query, std::size_t ordinal,
                                                    GlobalPosition from);
  Result<bool> is_match(const Query& query, LogReader& reader, const Run& run, Posting posting);
  Result<bool> is_kept(std::string_view stream, StreamVersion version);
  Result<StreamVersion> version_of(std::string_view stream);
  Result<AppendResult> place(PreparedAppend& append);

  LogTail& tail_;
  const GlobalPosition first_position_;
  const Snapshot durable_;     // what the log was before the group
  std::vector<Event> events_;  // accepted so far, by position
  std::vector<std::span<const std::byte>> bodies_;
  std::uint64_t body_bytes_ = 0;
  BodyChecksum checksum_;
  // Versions of the streams that the group has asked for, accepted events included.
  std::unordered_map<std::string_view, StreamVersion> versions_;
  GroupBounds bounds_;
};

}  // namespace eventstore::log
