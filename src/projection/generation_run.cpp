#include "projection/generation_run.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "projection/event_reader.hpp"

namespace eventstore::projection {
namespace {

// What is handed on together: enough to make handing on cheap, little enough for all workers to
// have something.
constexpr std::size_t kBatchEventsMax = 4096;

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
  const auto begin = position();
  const auto batch_events_max = std::min(kBatchEventsMax, work_.options.transaction_events_max);
  auto subscription = subscriptions_.open({.filter = work_.projection.filter(),
                                           .start = AfterPosition{begin},
                                           .batch_events_max = batch_events_max});
  Result<void> done;
  if (!subscription) {
    done = std::unexpected(std::move(subscription).error());
  } else if (!until_ || begin < *until_) {
    EventReader reader({.subscription = **subscription,
                        .projection = work_.projection,
                        .queues = queues_,
                        .until = until_,
                        .batch_events_max = batch_events_max},
                       stop);
    done = reader.run();
  }
  if (done) return std::nullopt;
  const bool was_stopped = done.error().code == ErrorCode::Cancelled;
  return RunEnd{.kind = was_stopped ? RunEnd::Kind::Stopped : RunEnd::Kind::Broken,
                .error = std::move(done).error()};
}

}  // namespace eventstore::projection
