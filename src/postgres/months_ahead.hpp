#pragma once

#include <condition_variable>
#include <stop_token>
#include <thread>

#include "core/thread_annotations.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Makes the tables of this month and of some to come, by the server's clock: as the store is opened
// for writing, and again as a month begins, in a thread that no append waits for. Where the server
// refuses there is a notice. Whoever appends first in a month without tables tries again.
//
// Threads: safe from any thread.
class MonthsAhead {
 public:
  // Makes them for the first time, on `connection`.
  MonthsAhead(const StoreSettings& settings, Connection& connection);
  ~MonthsAhead() = default;
  MonthsAhead(const MonthsAhead&) = delete;
  MonthsAhead& operator=(const MonthsAhead&) = delete;

  // The store has events of this month.
  void began(Month month) EXCLUDES(mutex_);

 private:
  Answer<void> make(Connection& connection);
  void run(const std::stop_token& stop) EXCLUDES(mutex_);
  Deadline patience() const {
    return settings_.environment.clock->monotonic_now() + settings_.patience;
  }

  const StoreSettings& settings_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  Month newest_ GUARDED_BY(mutex_) = {};    // that has events
  Month made_for_ GUARDED_BY(mutex_) = {};  // there are tables for this month and those to come
  std::jthread thread_;
};

}  // namespace eventstore::postgres
