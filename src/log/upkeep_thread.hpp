#pragma once

#include <condition_variable>
#include <functional>
#include <thread>

#include "core/thread_annotations.hpp"

namespace eventstore::log {

// A thread that does work in small pieces when there is some.
//
// Threads: safe from any thread, but for start() and stop().
class UpkeepThread {
 public:
  // `work` does one piece of what is due; false: nothing is, or it failed. It is called until then
  // after each wake(), and now and then, because what failed may succeed later.
  void start(std::function<bool()> work);
  void wake();
  // Waits for the piece under way.
  void stop();

 private:
  void run(const std::stop_token& stop);

  std::function<bool()> work_;
  Mutex mutex_;
  bool due_ GUARDED_BY(mutex_) = false;
  std::condition_variable_any wanted_;
  std::jthread thread_;
};

}  // namespace eventstore::log
