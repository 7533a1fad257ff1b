#include "log/upkeep_thread.hpp"

#include <chrono>
#include <utility>

namespace eventstore::log {

void UpkeepThread::start(std::function<bool()> work) {
  work_ = std::move(work);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void UpkeepThread::wake() {
  const MutexLock lock(mutex_);
  due_ = true;
  wanted_.notify_one();
}

void UpkeepThread::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void UpkeepThread::run(const std::stop_token& stop) {
  // What failed, for want of room perhaps, is tried again after this time.
  constexpr std::chrono::seconds kPause{10};
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    due_ = false;
    lock.unlock();
    while (!stop.stop_requested() && work_()) {
    }
    lock.lock();
    wanted_.wait_for(lock, stop, kPause, [this]() REQUIRES(mutex_) { return due_; });
  }
}

}  // namespace eventstore::log
