#include "projection/generation_run.hpp"

#include <algorithm>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "core/key_bucket.hpp"

namespace eventstore::projection {
namespace {

// What is handed on together: enough to make handing on cheap, little enough for all workers to
// have something.
constexpr std::size_t kBatchEventsMax = 4096;
constexpr std::size_t kBatchBytesMax = std::size_t{1} << 20;
// How long a wait for events goes on before it is begun anew.
constexpr auto kPatience = std::chrono::seconds(10);

// Those that are not after `position`.
std::span<const EventView> up_to(std::span<const EventView> events, GlobalPosition position) {
  const auto end = std::ranges::upper_bound(events, position, {}, &EventView::position);
  return events.first(static_cast<std::size_t>(end - events.begin()));
}

}  // namespace

GenerationRun::GenerationRun(Subscriptions& subscriptions, GenerationWork work,
                             const std::vector<WorkerRow>& workers,
                             std::optional<GlobalPosition> until)
    : subscriptions_(subscriptions), work_(std::move(work)), until_(until) {
  for (const auto& worker : workers) {
    queues_.push_back(std::make_unique<BatchQueue>());
    committed_.push_back(worker.position);
  }
  working_ = workers.size() + 1;
  work_.on_commit = [this](std::uint32_t worker, GlobalPosition position) {
    const MutexLock lock(mutex_);
    committed_[worker] = position;
    changed_.notify_all();
  };
  threads_.emplace_back([this](const std::stop_token& stop) { read(stop); });
  for (std::size_t index = 0; index < workers.size(); ++index) {
    threads_.emplace_back([this, index, at = workers[index]](const std::stop_token& stop) {
      this->work(index, at, stop);
    });
  }
}

GenerationRun::~GenerationRun() {
  request_stop();
}

void GenerationRun::request_stop() {
  for (auto& thread : threads_) thread.request_stop();
}

std::optional<RunEnd> GenerationRun::wait(Deadline deadline) {
  MutexLock lock(mutex_);
  const auto has_failed = [this]() REQUIRES(mutex_) {
    return end_ && end_->kind != RunEnd::Kind::Reached;
  };
  while (working_ > 0 && !has_failed()) {
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) break;
  }
  if (working_ > 0 && !has_failed()) return std::nullopt;
  // The others end too.
  if (working_ > 0) request_stop();
  while (working_ > 0) changed_.wait(lock);
  return end_;
}

GlobalPosition GenerationRun::position() {
  const MutexLock lock(mutex_);
  return least_committed();
}

bool GenerationRun::wait_for(GlobalPosition position, Deadline deadline) {
  MutexLock lock(mutex_);
  while (least_committed() < position) {
    if (working_ == 0 || changed_.wait_until(lock, deadline) == std::cv_status::timeout) {
      return least_committed() >= position;
    }
  }
  return true;
}

GlobalPosition GenerationRun::least_committed() {
  return *std::ranges::min_element(committed_);
}

// The first reason counts, but that all is done only where there is no other.
void GenerationRun::end(RunEnd end) {
  const MutexLock lock(mutex_);
  --working_;
  if (!end_ || end_->kind == RunEnd::Kind::Reached) end_ = std::move(end);
  changed_.notify_all();
}

void GenerationRun::work(std::size_t index, const WorkerRow& at, const std::stop_token& stop) {
  const Share share{.worker = static_cast<std::uint32_t>(index),
                    .workers = static_cast<std::uint32_t>(queues_.size())};
  Worker worker(work_, share, at);
  end(worker.run(*queues_[index], stop));
}

void GenerationRun::read(const std::stop_token& stop) {
  std::optional<RunEnd> ended;
  try {
    ended = read_all(stop);
  } catch (const std::exception& error) {
    ended = RunEnd{.kind = RunEnd::Kind::Failed,
                   .error = {.code = ErrorCode::InvalidArgument,
                             .message = std::string("partition_key(): ") + error.what()}};
  }
  for (const auto& queue : queues_) queue->close();
  end(ended.value_or(RunEnd{}));
}

// Absent: up to until_.
std::optional<RunEnd> GenerationRun::read_all(const std::stop_token& stop) {
  const auto broken = [](Error error) {
    return RunEnd{
        .kind = error.code == ErrorCode::Cancelled ? RunEnd::Kind::Stopped : RunEnd::Kind::Broken,
        .error = std::move(error)};
  };
  const auto begin = position();
  if (until_ && *until_ <= begin) return std::nullopt;
  const auto batch_events_max = std::min(kBatchEventsMax, work_.options.transaction_events_max);
  auto subscription = subscriptions_.open({.filter = work_.projection.filter(),
                                           .start = AfterPosition{begin},
                                           .batch_events_max = batch_events_max});
  if (!subscription) return broken(std::move(subscription).error());

  auto batch = std::make_shared<RoutedBatch>();
  // Where workers wait for another batch that does not come: an empty one tells them.
  std::optional<GlobalPosition> announced_after;
  const auto hand_on = [&](bool is_followed) {
    announced_after = is_followed ? std::optional(batch->up_to) : std::nullopt;
    batch->is_followed = is_followed;
    const RoutedBatchPtr full = std::exchange(batch, std::make_shared<RoutedBatch>());
    for (const auto& queue : queues_) {
      if (!queue->push(full, stop)) return false;
    }
    return true;
  };
  for (;;) {
    const bool has_some = batch->up_to != GlobalPosition{};
    // What there is goes together; whoever waits for more hands on first.
    const auto deadline = has_some || announced_after
                              ? Deadline::min()
                              : std::chrono::steady_clock::now() + kPatience;
    const auto delivery = (*subscription)->next(deadline, stop);
    if (!delivery && delivery.error().code == ErrorCode::DeadlineExceeded) {
      if (!has_some && announced_after) batch->up_to = *announced_after;
      const bool hands_on = batch->up_to != GlobalPosition{};
      if (hands_on && !hand_on(/*is_followed=*/false)) {
        return RunEnd{.kind = RunEnd::Kind::Stopped, .error = {}};
      }
      continue;
    }
    if (!delivery) return broken(delivery.error());

    const auto events = until_ ? up_to(delivery->events, *until_) : delivery->events;
    batch->events.append(events);
    for (const auto& event : events) {
      batch->buckets.push_back(
          static_cast<std::uint16_t>(bucket_of(work_.projection.partition_key(event))));
    }
    batch->up_to = until_ ? std::min(*until_, delivery->position) : delivery->position;
    const bool is_last = until_ && batch->up_to == *until_;
    const bool is_full = batch->events.events().size() >= batch_events_max ||
                         batch->events.bytes() >= kBatchBytesMax;
    if ((is_last || is_full) && !hand_on(/*is_followed=*/!is_last)) {
      return RunEnd{.kind = RunEnd::Kind::Stopped, .error = {}};
    }
    if (is_last) return std::nullopt;
  }
}

}  // namespace eventstore::projection
