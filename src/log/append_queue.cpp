#include "log/append_queue.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::log {
namespace {

// A group takes what is queued up to this size, and at least one append.
constexpr std::uint64_t kGroupBytesMax = std::uint64_t{16} << 20;

// How long the writer waits for the threads it has just released to come back with their next
// append: far less than a sync takes, and groups are fuller for it.
constexpr auto kGatherTime = std::chrono::microseconds{100};

Error closed() {
  return {.code = ErrorCode::Closed, .message = "the store is being closed; nothing was written"};
}

}  // namespace

AppendQueue::AppendQueue(Clock& clock, AppendQueueOptions options, Commit commit,
                         std::function<void()> idle)
    : clock_(clock),
      options_(options),
      commit_(std::move(commit)),
      idle_(std::move(idle)),
      callbacks_([this](const std::stop_token& stop) { run_callbacks(stop); }),
      writer_([this](const std::stop_token& stop) { run_writer(stop); }) {}

AppendQueue::~AppendQueue() {
  close();
}

void AppendQueue::close() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  // The writer answers what is queued; only then may the callback thread end.
  writer_.request_stop();
  if (writer_.joinable()) writer_.join();
  callbacks_.request_stop();
  if (callbacks_.joinable()) callbacks_.join();
}

Result<void> AppendQueue::admit_locked(const PreparedAppend& append) {
  const auto refuse = [&](Error error) {
    if (append.context().chain != nullptr) append.context().chain->break_off();
    return std::unexpected(std::move(error));
  };
  if (closing_) return refuse(closed());
  if (queue_.size() >= options_.requests_max ||
      (!queue_.empty() && queue_bytes_ + append.size() > options_.bytes_max)) {
    return refuse({.code = ErrorCode::Overloaded,
                   .message = "more appends wait than the store's queue takes (" +
                              std::to_string(queue_.size()) +
                              "); nothing was written, try again later"});
  }
  return {};
}

Result<AppendResult> AppendQueue::append(PreparedAppend append) {
  PendingAppend pending{.append = std::move(append)};
  MutexLock lock(mutex_);
  if (auto admitted = admit_locked(pending.append); !admitted) {
    return std::unexpected(std::move(admitted).error());
  }
  if (!leading_ && queue_.empty()) {
    leading_ = true;
    lock.unlock();
    const std::array group{&pending};
    commit_(group);
    lock.lock();
    leading_ = false;
    rested_ = false;
    active_ = true;
    if (!queue_.empty() || closing_) writer_wanted_.notify_one();
    return std::move(pending.result);
  }
  enqueue_locked(pending);
  lock.unlock();
  wait_until_done(pending);
  return std::move(pending.result);
}

void AppendQueue::enqueue_locked(PendingAppend& pending) {
  pending.epoch.store(epoch_, std::memory_order_relaxed);
  queue_.push_back(&pending);
  queue_bytes_ += pending.append.size();
  queued_.store(queue_.size(), std::memory_order_relaxed);
}

void AppendQueue::wait_until_done(const PendingAppend& pending) {
  for (;;) {
    const auto epoch = pending.epoch.load(std::memory_order_relaxed);
    auto& done = done_[epoch % 2];
    const auto seen = done.load(std::memory_order_acquire);
    if (static_cast<std::int32_t>(seen - epoch) < 0) {
      done.wait(seen, std::memory_order_acquire);
    } else if (pending.epoch.load(std::memory_order_relaxed) == epoch) {
      // A group that was too large went on without its last members, which then have a later epoch:
      // that was written before `done` was.
      return;
    }
  }
}

void AppendQueue::append_async(PreparedAppend append, AppendCallback callback) {
  std::unique_ptr<PendingAppend> pending(
      new PendingAppend{.append = std::move(append), .callback = std::move(callback)});
  MutexLock lock(mutex_);
  if (auto admitted = admit_locked(pending->append); !admitted) {
    lock.unlock();
    return answer_async(std::move(pending->callback), std::unexpected(std::move(admitted).error()));
  }
  enqueue_locked(*pending.release());  // answer_group() takes it back
  if (!leading_) writer_wanted_.notify_one();
}

void AppendQueue::answer_async(AppendCallback callback, Result<AppendResult> result) {
  const MutexLock lock(answers_mutex_);
  answers_.push_back({.callback = std::move(callback), .result = std::move(result)});
  answers_wanted_.notify_one();
}

std::vector<PendingAppend*> AppendQueue::take_group_locked() {
  std::vector<PendingAppend*> group;
  std::uint64_t bytes = 0;
  while (!queue_.empty()) {
    bytes += queue_.front()->append.size();
    if (!group.empty() && bytes > kGroupBytesMax) break;
    group.push_back(queue_.front());
    queue_bytes_ -= queue_.front()->append.size();
    queue_.pop_front();
  }
  ++epoch_;
  for (auto* left_over : queue_) left_over->epoch.store(epoch_, std::memory_order_relaxed);
  queued_.store(queue_.size(), std::memory_order_relaxed);
  return group;
}

// The word that the members wait on comes last: a member may be gone right after.
void AppendQueue::answer_group(std::span<PendingAppend* const> group, std::uint32_t epoch) {
  for (auto* pending : group) {
    if (!pending->callback) continue;
    const std::unique_ptr<PendingAppend> taken_back(pending);
    answer_async(std::move(pending->callback), std::move(pending->result));
  }
  auto& done = done_[epoch % 2];
  done.store(epoch, std::memory_order_release);
  done.notify_all();
}

void AppendQueue::lead_locked() {
  leading_ = true;
  while (!queue_.empty()) {
    const auto epoch = epoch_;
    const auto group = take_group_locked();
    mutex_.unlock();
    commit_(group);
    answer_group(group, epoch);
    gather(group.size());
    mutex_.lock();
  }
  leading_ = false;
  rested_ = false;
  active_ = true;
}

void AppendQueue::gather(std::size_t released) const {
  const auto until = clock_.monotonic_now() + kGatherTime;
  while (queued_.load(std::memory_order_relaxed) < released && clock_.monotonic_now() < until) {
    std::this_thread::yield();
  }
}

void AppendQueue::rest_locked() {
  leading_ = true;
  rested_ = true;
  mutex_.unlock();
  idle_();
  mutex_.lock();
  leading_ = false;
}

void AppendQueue::run_writer(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const auto wanted = [this]() REQUIRES(mutex_) { return !leading_ && !queue_.empty(); };
  while (!stop.stop_requested()) {
    if (writer_wanted_.wait_for(lock, stop, options_.idle_before_mark, wanted)) {
      lead_locked();
    } else if (std::exchange(active_, false)) {
      continue;  // not quiet for long enough
    } else if (!leading_ && !rested_ && !stop.stop_requested()) {
      rest_locked();
    }
  }
  // closing_ is set: nothing is admitted any more. What is under way ends, what waits is refused.
  while (leading_) writer_wanted_.wait(lock);
  while (!queue_.empty()) {
    const auto epoch = epoch_;
    const auto group = take_group_locked();
    for (auto* pending : group) pending->result = std::unexpected(closed());
    lock.unlock();
    answer_group(group, epoch);
    lock.lock();
  }
}

void AppendQueue::run_callbacks(const std::stop_token& stop) {
  MutexLock lock(answers_mutex_);
  for (;;) {
    answers_wanted_.wait(lock, stop,
                         [this]() REQUIRES(answers_mutex_) { return !answers_.empty(); });
    if (answers_.empty()) return;  // stopped, and every callback has run
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    lock.unlock();
    answer.callback(std::move(answer.result));
    lock.lock();
  }
}

}  // namespace eventstore::log
