#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/event_store.hpp"

namespace eventstore::test {

// An event store as simple as it can be: a list of events and two maps. It keeps the rules of
// docs/contract.md by looking at everything, and knows nothing of files, threads or clocks: its
// time is that of the newest event that it has learned. Engines are compared with it.
//
// Events without an id keep the nil id here, and recorded_at stays 0: see same_event().
//
// A value: copies are independent. One thread at a time.
class Model {
 public:
  // What an engine must answer to `request`; where that is a success, the model has the events too.
  // Deadlines and cancellation are not looked at.
  Result<AppendResult> apply(const AppendRequest& request);

  // The ways to delete, as of EventStore; what `request` would be for them is the model's business.
  Result<StreamChange> truncate_stream(const std::string& stream, StreamVersion before,
                                       ExpectedVersion expected);
  Result<StreamChange> set_retention(const std::string& stream, const Retention& retention,
                                     ExpectedVersion expected);
  Result<StreamChange> delete_stream(const std::string& stream, ExpectedVersion expected);
  Result<StreamChange> tombstone_stream(const std::string& stream, ExpectedVersion expected);
  Result<StreamVersion> set_stream_metadata(const std::string& stream, const std::string& json,
                                            ExpectedVersion expected);

  // What an engine must return, in order. Fails as an engine does where the request is malformed.
  Result<std::vector<RecordedEvent>> read(const ReadRequest& request) const;

  // The same events, borrowed from the model: until it changes.
  Result<std::vector<const RecordedEvent*>> select(const ReadRequest& request) const;

  GlobalPosition head() const { return {events_.size()}; }
  StreamVersion version_of(std::string_view stream) const;

  // Event n of the store is events()[n - 1], also where it is deleted.
  const std::vector<RecordedEvent>& events() const { return events_; }
  // Those that can be read, the store's own included.
  std::vector<RecordedEvent> visible() const;

  std::optional<StreamInfo> stream_info(std::string_view stream) const;
  std::vector<StreamInfo> list_streams(const ListStreamsRequest& request) const;
  std::optional<EventLocation> find(std::string_view stream, const Uuid& id) const;
  std::size_t stream_count() const;  // without those that are deleted

  // Scavenging may take the ids of events that are gone, but for the last of each stream; when it
  // does is the engine's business. Those that it may have taken and the model still knows:
  std::vector<const RecordedEvent*> forgettable() const;
  void forget(const RecordedEvent& event) { ids_.erase({event.stream, event.id}); }
  // Streams of which retention hides more than truncation does, and the first version that it
  // shows.
  std::vector<std::pair<std::string, StreamVersion>> hidden_by_retention() const;

  // Gives the model what the engine alone can know of events that it has accepted: ids it made and
  // when it recorded them. `actual` is what the engine has at those positions.
  void learn(std::span<const RecordedEvent> actual);
  void learn(const EventView& actual);

 private:
  // What is deleted of a stream.
  struct Bounds {
    std::uint64_t truncate_before = 0;
    std::optional<std::uint64_t> max_count = {};
    std::optional<std::int64_t> max_age = {};
    std::uint64_t tombstone = 0;  // its version
    bool any() const { return truncate_before != 0 || max_count || max_age || tombstone != 0; }
  };
  using AllBounds = std::map<std::string, Bounds, std::less<>>;

  static Bounds bounds_of(const AllBounds& all, std::string_view stream);
  Bounds bounds_of(std::string_view stream) const { return bounds_of(bounds_, stream); }
  bool is_gone(const RecordedEvent& event) const;
  std::uint64_t first_readable(std::string_view stream) const;
  std::uint64_t first_young(std::string_view stream, const Bounds& bounds) const;
  StreamState state_of(std::string_view stream) const;
  Result<void> refuse_tombstoned(const AppendRequest& request) const;
  Result<AllBounds> decide_bounds(const AppendRequest& request) const;
  Result<StreamChange> change_bounds(const std::string& stream, const Bounds& bounds,
                                     ExpectedVersion expected);
  StreamVersion metadata_version(const std::string& stream) const;
  static AppendRequest metadata_request(const std::string& stream, const Bounds& bounds,
                                        const std::string& users);
  void note_metadata(const NewEvent& event);

  std::optional<Result<AppendResult>> find_overlap(const AppendRequest& request) const;
  Result<void> decide_checks(const std::vector<StreamCheck>& checks) const;
  Result<void> decide_condition(const AppendCondition& condition) const;
  AppendResult add(const AppendRequest& request);

  std::vector<RecordedEvent> events_;
  std::map<std::string, std::vector<GlobalPosition>, std::less<>> streams_;
  std::map<std::pair<std::string, Uuid>, GlobalPosition> ids_;  // without the nil ids
  AllBounds bounds_;
  std::map<std::string, std::string> users_metadata_;  // by "$$" stream, without braces
  Timestamp newest_;                                   // of what was learned
};

// True where the engine's event is the model's. What the model cannot know is not compared: the id
// and recorded_at where the model has none.
bool same_event(const RecordedEvent& model, const RecordedEvent& actual);
bool same_event(const RecordedEvent& model, const EventView& actual);

// The first difference between what the model and an engine say; absent where they agree. Messages
// of errors are the engine's own affair; codes and details are not, but for which of several ids
// that are shared an IdConflict names.
std::optional<std::string> difference(const std::vector<RecordedEvent>& model,
                                      const std::vector<RecordedEvent>& actual);
std::optional<std::string> difference(const Result<AppendResult>& model,
                                      const Result<AppendResult>& actual);

}  // namespace eventstore::test
