#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/subscription.hpp"
#include "projection/batch_queue.hpp"
#include "projection/worker.hpp"

namespace eventstore::projection {

// Work on one generation: a thread that reads its events and hands them to the workers, which are a
// thread each. It ends with the first of them that fails.
//
// Ownership: borrows the subscriptions and what `work` does. Destroying it stops it.
// Threads:   safe from any thread.
class GenerationRun {
 public:
  // Goes on where each of `workers` has come to; up to `until`, where that is given, which is at
  // none of them already behind.
  GenerationRun(Subscriptions& subscriptions, GenerationWork work,
                const std::vector<WorkerRow>& workers, std::optional<GlobalPosition> until);
  ~GenerationRun();
  GenerationRun(const GenerationRun&) = delete;
  GenerationRun& operator=(const GenerationRun&) = delete;

  void request_stop();

  // Absent: it has not ended by then.
  std::optional<RunEnd> wait(Deadline deadline) EXCLUDES(mutex_);

  // What all workers have committed.
  GlobalPosition position() EXCLUDES(mutex_);
  // Waits until that is at least `position`. False: not by then, or the run ended.
  bool wait_for(GlobalPosition position, Deadline deadline) EXCLUDES(mutex_);

 private:
  void read(const std::stop_token& stop);
  std::optional<RunEnd> read_all(const std::stop_token& stop);
  void work(std::size_t worker, const WorkerRow& at, const std::stop_token& stop);
  void end(RunEnd end) EXCLUDES(mutex_);
  GlobalPosition least_committed() REQUIRES(mutex_);

  Subscriptions& subscriptions_;
  GenerationWork work_;
  const std::optional<GlobalPosition> until_;
  std::vector<std::unique_ptr<BatchQueue>> queues_;

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<GlobalPosition> committed_ GUARDED_BY(mutex_);
  std::size_t working_ GUARDED_BY(mutex_) = 0;  // threads that have not ended
  std::optional<RunEnd> end_ GUARDED_BY(mutex_);

  std::vector<std::jthread> threads_;
};

}  // namespace eventstore::projection
