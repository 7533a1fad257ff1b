#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/append.hpp"
#include "eventstore/event_store.hpp"
#include "postgres/self_test_log.hpp"

namespace eventstore::postgres {

// What is wrong: the first so many findings. Safe from any thread.
class Findings {
 public:
  void add(std::string finding) EXCLUDES(mutex_);
  std::vector<std::string> take() EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kMax = 20;
  Mutex mutex_;
  std::vector<std::string> findings_ GUARDED_BY(mutex_);
};

// Which append of which writer an event is of, and the how manieth of its events: in its id.
struct AppendId {
  std::uint32_t writer = 0;
  std::uint64_t number = 0;  // from 0
  std::uint32_t event = 0;
};
Uuid to_uuid(const AppendId& id);
std::optional<AppendId> append_id_of(const Uuid& uuid);

// What one writer tried, and what came of it. Of an append that is done little more than where it
// is gets remembered.
//
// Threads: safe from any thread; what is told of one append comes in order.
class WriterHistory {
 public:
  explicit WriterHistory(Findings& findings) : findings_(findings) {}

  // The number of the append: how many there were before. Its events get their ids by it.
  std::uint64_t begins(std::uint32_t writer, AppendRequest& request) EXCLUDES(mutex_);
  void begins_again(std::uint64_t number) EXCLUDES(mutex_);
  // `was_done`: by an answer before this one.
  struct Answered {
    bool was_done = false;
  };
  Answered answered(std::uint64_t number, const Result<AppendResult>& result) EXCLUDES(mutex_);

 private:
  friend class HistoryCheck;

  enum class State : std::uint8_t { UnderWay, Done, Failed, Unknown };
  struct Tried {
    State state = State::UnderWay;
    std::uint32_t events = 0;
    std::uint64_t digest = 0;  // of what is to be stored
    Deadline begun = {};
    Deadline done = Deadline::max();
    AppendResult result = {};  // without its streams
    std::optional<StreamCheck> check = {};
    std::optional<AppendCondition> condition = {};  // of one tag
  };

  Findings& findings_;
  Mutex mutex_;
  std::deque<Tried> tried_ GUARDED_BY(mutex_);
};

// Holds the whole log, taken in once, against what all writers tried, when they have ended.
//
// Threads: one at a time.
class HistoryCheck {
 public:
  HistoryCheck(std::deque<WriterHistory>& writers, Findings& findings)
      : writers_(writers), findings_(findings) {}

  void take(const EventView& event);
  // What should have come and did not.
  void finish();

  const SeenLog& seen() const { return seen_; }
  std::map<std::string, std::uint64_t> counts() const { return counts_; }

 private:
  struct Current {
    AppendId id;
    WriterHistory::Tried tried;
    std::uint64_t digest = 0;
    std::uint32_t events = 0;
    GlobalPosition first = {};
  };

  void begin_append(const EventView& event, const AppendId& id);
  void check_requirements(const std::string& name, const WriterHistory::Tried& tried);
  void end_append(GlobalPosition last);

  std::deque<WriterHistory>& writers_;
  Findings& findings_;
  SeenLog seen_;
  std::optional<Current> current_;
  std::map<std::string, StreamVersion, std::less<>> versions_;
  std::map<std::string, GlobalPosition, std::less<>> last_of_tag_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, bool> seen_appends_;
  Timestamp recorded_at_ = Timestamp::min();
  Deadline begun_max_ = Deadline::min();
  std::string begun_max_name_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace eventstore::postgres
