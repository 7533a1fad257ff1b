#pragma once

#include <condition_variable>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "campaigns/campaign.hpp"
#include "campaigns/server_faults.hpp"
#include "core/seeded_random.hpp"
#include "core/thread_annotations.hpp"
#include "support/own_server.hpp"

namespace eventstore::test {

// What befalls a server and its connections while a self-test appends to it by way of a proxy:
// connections are cut, some of them around a commit, all of them at once, and the server is
// stopped at once and started again.
//
// Threads: at() from one at a time. What is done is done in a thread of its own, which lives as
// long as this does: the kernel ends a server with the thread that started it.
class OrderingFaults {
 public:
  OrderingFaults(OwnServer& server, std::uint64_t seed, std::uint64_t events_max);

  int port() const { return proxy_.port(); }

  // Does what is due at so many events; nothing any more where they come to an end. Never throws.
  void at(std::uint64_t events) EXCLUDES(mutex_);

  // Throws Violation where the server did not come back, or where something never happened.
  void finish(Tally& tally);

 private:
  void run(const std::stop_token& stop) EXCLUDES(mutex_);
  void strike_if_due(std::uint64_t events);
  void strike();
  void restart();

  OwnServer& server_;
  const std::uint64_t events_max_;
  SeededRandom random_;
  FaultyProxy proxy_;
  std::uint64_t next_ = 0;  // when something is due
  std::uint64_t strikes_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t cuts_of_all_ = 0;
  std::optional<std::string> failure_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<std::uint64_t> asked_ GUARDED_BY(mutex_);  // by who waits until it is done
  std::jthread thread_;                                    // the last to be made
};

}  // namespace eventstore::test
