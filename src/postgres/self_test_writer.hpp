#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/seeded_random.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/event_store.hpp"
#include "postgres/self_test_history.hpp"
#include "postgres/self_test_progress.hpp"

namespace eventstore::postgres {

// What writers of a self-test know of the streams that all of them write to.
struct SharedStreams {
  static constexpr std::size_t kCount = 4;
  std::array<std::atomic<std::uint64_t>, kCount> versions{};  // as far as answers told
  std::atomic<std::uint64_t> head = 0;
};

// Appends to a store with many appends under way: to streams of its own and to those of all, with
// expected versions and conditions that hold and that do not, with deadlines that have passed, and
// again what is done already.
//
// Threads: run() once, in a thread of its own.
class SelfTestWriter {
 public:
  struct Settings {
    std::uint32_t number = 0;
    std::uint64_t seed = 0;
    unsigned in_flight = 32;
  };

  SelfTestWriter(EventStore& store, const Settings& settings, SharedStreams& shared,
                 WriterHistory& history, SelfTestProgress& progress, Findings& findings);

  // Until the progress is over and everything is answered.
  void run();

 private:
  static constexpr std::size_t kOwnStreams = 8;
  static constexpr std::size_t kRepeatable = 16;

  struct Sent {
    std::uint64_t number = 0;
    AppendRequest request;
  };

  void send(Sent sent, bool is_again) EXCLUDES(mutex_);
  void answered(Sent sent, const Result<AppendResult>& result) EXCLUDES(mutex_);
  void learn(const Result<AppendResult>& result) EXCLUDES(mutex_);
  AppendRequest make() EXCLUDES(mutex_);
  std::string own_stream(std::size_t index) const;

  EventStore& store_;
  const Settings settings_;
  SharedStreams& shared_;
  WriterHistory& history_;
  SelfTestProgress& progress_;
  Findings& findings_;
  SeededRandom random_;

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t under_way_ GUARDED_BY(mutex_) = 0;
  std::deque<Sent> unknown_ GUARDED_BY(mutex_);  // to be made again
  std::deque<Sent> done_ GUARDED_BY(mutex_);     // the last ones
  // Versions of the streams of its own once all that is under way is done.
  std::map<std::string, std::uint64_t, std::less<>> own_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::postgres
