#include "subscription/tail_reader.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/backoff.hpp"

namespace eventstore::subscription {
namespace {

// How long the thread waits for an event before it looks whether anybody still follows.
constexpr auto kPatience = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kPauseMin{10};
constexpr std::chrono::milliseconds kPauseMax{1000};
// The clock of condition variables takes no time too far away.
constexpr auto kWaitMax = std::chrono::hours(1);
// A batch ends at this size, or at a part of the window, so that the window moves in small steps.
constexpr std::size_t kBatchBytesMax = std::size_t{256} << 10;
constexpr std::size_t kBatchesMin = 8;

}  // namespace

TailReader::TailReader(EventStore& store, const Environment& environment, std::size_t bytes_max)
    : store_(store), environment_(environment), clock_(*environment.clock), bytes_max_(bytes_max) {}

TailReader::~TailReader() {
  std::jthread thread;
  {
    const MutexLock lock(mutex_);
    life_end_.request_stop();
    thread = std::move(thread_);
  }
}

bool TailReader::join(GlobalPosition position) {
  {
    const MutexLock lock(mutex_);
    if (followers_ == 0) {
      begin_ = end_ = position;
      failure_.reset();
      ++life_;
      life_end_ = std::stop_source();
    }
    if (position < begin_) return false;
    ++followers_;
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
  }
  followed_.notify_all();
  return true;
}

void TailReader::leave() {
  std::deque<std::shared_ptr<const TailBatch>> unwanted;
  const MutexLock lock(mutex_);
  if (--followers_ > 0) return;
  unwanted.swap(window_);  // outlives the lock
  window_bytes_ = 0;
  life_end_.request_stop();
}

Result<std::shared_ptr<const TailBatch>> TailReader::take(GlobalPosition position,
                                                          FailureCount& told, Deadline deadline,
                                                          const std::stop_token& cancellation) {
  MutexLock lock(mutex_);
  for (;;) {
    if (position < begin_) return nullptr;
    if (position < end_) {
      return *std::ranges::upper_bound(window_, position, {},
                                       [](const auto& batch) { return batch->up_to; });
    }
    if (failure_ && told != failures_) {
      told = failures_;
      return std::unexpected(*failure_);
    }
    if (cancellation.stop_requested()) {
      return std::unexpected(
          Error{.code = ErrorCode::Cancelled, .message = "the wait for events was cancelled"});
    }
    const auto now = clock_.monotonic_now();
    if (now >= deadline) {
      return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                   .message = "no event came after position " +
                                              std::to_string(position.value) + " in time"});
    }
    news_.wait_until(
        lock, cancellation, std::min(deadline, now + kWaitMax),
        [&]() REQUIRES(mutex_) { return position < end_ || (failure_ && told != failures_); });
  }
}

std::size_t TailReader::bytes() const {
  const MutexLock lock(mutex_);
  return window_bytes_;
}

void TailReader::run(const std::stop_token& stop) {
  Backoff backoff(*environment_.random, kPauseMin, kPauseMax);
  while (const auto place = next_place(stop)) {
    auto read = read_on(*place);
    if (read || place->life_end.stop_requested()) {
      backoff.reset();
      succeeded();
      continue;
    }
    failed(std::move(read).error());
    backoff.wait(place->life_end);
  }
}

// Waits until somebody follows. Absent: the reader is being destroyed.
std::optional<TailReader::Place> TailReader::next_place(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  followed_.wait(lock, stop, [&]() REQUIRES(mutex_) { return followers_ > 0; });
  if (stop.stop_requested()) return std::nullopt;
  return Place{.position = end_, .life = life_, .life_end = life_end_.get_token()};
}

Result<void> TailReader::read_on(const Place& place) {
  const auto waited =
      store_.wait_past(place.position, clock_.monotonic_now() + kPatience, place.life_end);
  if (!waited && waited.error().code == ErrorCode::DeadlineExceeded) return {};
  if (!waited) return std::unexpected(waited.error());
  auto cursor = store_.read(
      {.from = place.position.value + 1, .include_system = true, .cancellation = place.life_end});
  if (!cursor) return std::unexpected(std::move(cursor).error());

  const auto batch_bytes = std::min(kBatchBytesMax, bytes_max_ / kBatchesMin);
  auto batch = std::make_shared<TailBatch>(TailBatch{.after = place.position});
  for (;;) {
    const auto events = (*cursor)->next();
    const bool at_end = !events || events->empty();
    if (!at_end) {
      batch->events.append(*events);
      batch->up_to = events->back().position;
      if (batch->events.bytes() < batch_bytes) continue;
    } else if (events) {
      batch->up_to = (*cursor)->head();
    }
    const auto after = std::max(batch->after, batch->up_to);
    // What came before a failure is good.
    if (after > batch->after && !publish(std::move(batch), place.life)) return {};
    if (!events) return std::unexpected(events.error());
    if (at_end) return {};
    batch = std::make_shared<TailBatch>(TailBatch{.after = after});
  }
}

// False: those it was read for are gone.
bool TailReader::publish(std::shared_ptr<const TailBatch> batch, std::uint64_t life) {
  std::deque<std::shared_ptr<const TailBatch>> dropped;  // freed outside the lock
  {
    const MutexLock lock(mutex_);
    if (life != life_ || followers_ == 0) return false;
    end_ = batch->up_to;
    failure_.reset();
    window_bytes_ += batch->events.bytes();
    window_.push_back(std::move(batch));
    while (window_bytes_ > bytes_max_ && window_.size() > 1) {
      window_bytes_ -= window_.front()->events.bytes();
      dropped.push_back(std::move(window_.front()));
      window_.pop_front();
    }
    begin_ = window_.front()->after;
  }
  news_.notify_all();
  return true;
}

void TailReader::failed(Error error) {
  {
    const MutexLock lock(mutex_);
    failure_ = std::move(error);
    ++failures_;
  }
  news_.notify_all();
}

void TailReader::succeeded() {
  const MutexLock lock(mutex_);
  failure_.reset();
}

}  // namespace eventstore::subscription
