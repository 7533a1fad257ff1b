#pragma once

#include <condition_variable>
#include <deque>
#include <stop_token>
#include <thread>

#include "core/thread_annotations.hpp"
#include "eventstore/append.hpp"
#include "eventstore/result.hpp"

namespace eventstore {

// Answers asynchronous appends: runs their callbacks in a thread of its own, one after another, in
// the order in which the answers came. Nobody who commits waits for what a callback does.
//
// Threads: safe from any thread; close() from one.
class CallbackThread {
 public:
  CallbackThread();
  ~CallbackThread();  // closes
  CallbackThread(const CallbackThread&) = delete;
  CallbackThread& operator=(const CallbackThread&) = delete;

  // Waits for all callbacks. Those that are handed in later are never called.
  void close();

  void answer(AppendCallback callback, Result<AppendResult> result);

 private:
  struct Answer {
    AppendCallback callback;
    Result<AppendResult> result;
  };

  void run(const std::stop_token& stop);

  Mutex mutex_;
  std::condition_variable_any wanted_;
  std::deque<Answer> answers_ GUARDED_BY(mutex_);

  std::jthread thread_;
};

}  // namespace eventstore
