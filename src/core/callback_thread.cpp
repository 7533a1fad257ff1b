#include "core/callback_thread.hpp"

#include <utility>

namespace eventstore {

CallbackThread::CallbackThread() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

CallbackThread::~CallbackThread() {
  close();
}

void CallbackThread::close() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void CallbackThread::answer(AppendCallback callback, Result<AppendResult> result) {
  const MutexLock lock(mutex_);
  answers_.push_back({.callback = std::move(callback), .result = std::move(result)});
  wanted_.notify_one();
}

void CallbackThread::run(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, stop, [this]() REQUIRES(mutex_) { return !answers_.empty(); });
    if (answers_.empty()) return;  // stopped, and every callback has run
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    lock.unlock();
    answer.callback(std::move(answer.result));
    lock.lock();
  }
}

}  // namespace eventstore
