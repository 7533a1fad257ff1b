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
// docs/contract.md by looking at everything, and knows nothing of files, threads or time. Engines
// are compared with it.
//
// Events without an id keep the nil id here, and recorded_at stays 0: see same_event().
//
// A value: copies are independent. One thread at a time.
class Model {
 public:
  // What an engine must answer to `request`; where that is a success, the model has the events too.
  // Deadlines and cancellation are not looked at.
  Result<AppendResult> apply(const AppendRequest& request);

  // What an engine must return, in order. Fails as an engine does where the request is malformed.
  Result<std::vector<RecordedEvent>> read(const ReadRequest& request) const;

  GlobalPosition head() const { return {events_.size()}; }
  StreamVersion version_of(std::string_view stream) const;

  // Event n of the store is events()[n - 1].
  const std::vector<RecordedEvent>& events() const { return events_; }

  std::optional<StreamInfo> stream_info(std::string_view stream) const;
  std::vector<StreamInfo> list_streams(const ListStreamsRequest& request) const;
  std::optional<EventLocation> find(std::string_view stream, const Uuid& id) const;
  std::size_t stream_count() const { return streams_.size(); }

  // Gives the model what the engine alone can know of events that it has accepted: ids it made and
  // when it recorded them. `actual` is what the engine has at those positions.
  void learn(std::span<const RecordedEvent> actual);

 private:
  std::optional<Result<AppendResult>> find_overlap(const AppendRequest& request) const;
  Result<void> decide_checks(const std::vector<StreamCheck>& checks) const;
  Result<void> decide_condition(const AppendCondition& condition) const;
  AppendResult add(const AppendRequest& request);

  std::vector<RecordedEvent> events_;
  std::map<std::string, std::vector<GlobalPosition>, std::less<>> streams_;
  std::map<std::pair<std::string, Uuid>, GlobalPosition> ids_;  // without the nil ids
};

// True where the engine's event is the model's. What the model cannot know is not compared: the id
// and recorded_at where the model has none.
bool same_event(const RecordedEvent& model, const RecordedEvent& actual);

// The first difference between what the model and an engine say; absent where they agree. Messages
// of errors are the engine's own affair; codes and details are not, but for which of several ids
// that are shared an IdConflict names.
std::optional<std::string> difference(const std::vector<RecordedEvent>& model,
                                      const std::vector<RecordedEvent>& actual);
std::optional<std::string> difference(const Result<AppendResult>& model,
                                      const Result<AppendResult>& actual);

}  // namespace eventstore::test
