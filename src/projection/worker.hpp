#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "eventstore/projections.hpp"
#include "projection/batch_queue.hpp"
#include "projection/document_cache.hpp"
#include "projection/projection_rows.hpp"

namespace eventstore::projection {

// Why work on a generation came to an end.
struct RunEnd {
  enum class Kind : std::uint8_t {
    Reached,  // all there was to do is committed
    Stopped,  // it was asked to
    Fenced,   // its place is somebody else's by now
    Failed,   // an event could not be applied, and the policy is to stop
    Broken,   // the store or the state database failed: what is committed tells where to go on
  };
  Kind kind = Kind::Reached;
  Error error = {};  // of Failed and Broken
};

// What the workers of a generation have in common.
struct GenerationWork {
  Projection& projection;
  StateDatabase& state;
  const ProjectionOptions& options;
  GenerationRow generation;
  std::int64_t fence = 0;
  // Events up to here have had their effects outside of the state database already.
  GlobalPosition effects_after = {};
  std::function<void(std::uint32_t worker, GlobalPosition position)> on_commit = {};
};

// Applies events of its share, and commits what becomes of them with its position.
//
// Ownership: borrows what `work` does, and it.
// Threads:   one at a time.
class Worker {
 public:
  // `at` is where it has come to.
  Worker(const GenerationWork& work, Share share, const WorkerRow& at);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Works until the queue is closed and empty.
  RunEnd run(BatchQueue& queue, const std::stop_token& stop);

 private:
  class Context;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  // A failure of applying or committing. Whose: the event's, or that of what is around it.
  struct Failure {
    RunEnd::Kind kind = RunEnd::Kind::Failed;
    Error error;
    std::optional<GlobalPosition> position = {};  // of the event, where that is known
  };
  template <typename T = void>
  using Outcome = std::expected<T, Failure>;

  static Failure failure_of(Error error);
  static RunEnd end_of(Failure failure);

  Outcome<> load();
  Result<void> load_stored();
  bool is_fenced();
  // The events of the share that are not applied yet, but none after `last`.
  Outcome<> apply_some(const RoutedBatchPtr& batch, GlobalPosition last);
  Outcome<> apply_all(const std::vector<RoutedBatchPtr>& batches, GlobalPosition last);
  Outcome<> apply(const EventView& event, std::uint32_t bucket);
  // Commits what is applied, which is all up to `position`, if there is anything.
  Outcome<> commit(GlobalPosition position);
  Outcome<> commit_at(GlobalPosition position);
  Outcome<> write_documents(StateTransaction& transaction);
  // Where the transaction is full or late, or there is nothing to go on with. `batch` is the last.
  Outcome<> commit_if_due(const RoutedBatch& batch, BatchQueue& queue, const std::stop_token& stop);
  void begin_time();
  bool is_late() const;
  // Everything is as it was at the last commit.
  void revert();

  Outcome<StateTransaction*> transaction();
  template <typename Change>
  Outcome<> change(const Change& change);

  // What is done about events that fail. Absent: work goes on.
  std::optional<RunEnd> recover(Failure failure);
  std::optional<RunEnd> apply_each_alone(const std::vector<RoutedBatchPtr>& batches);
  std::optional<RunEnd> apply_alone(const EventView& event, std::uint32_t bucket,
                                    std::optional<Error> first_failure);
  std::optional<RunEnd> give_up(ProjectionFailure failure);

  const GenerationWork& work_;
  const Share share_;
  std::stop_token stop_;      // of run()
  GlobalPosition committed_;  // all up to here is
  GlobalPosition applied_;    // all up to here is applied, if not committed
  std::uint64_t events_ = 0;  // applied since the last commit
  Deadline commit_by_ = Deadline::max();
  std::unique_ptr<StateTransaction> transaction_;
  DocumentCache documents_;
  std::set<GlobalPosition> open_failures_;  // of events that have failed and not been applied since
  std::vector<GlobalPosition> recovered_;   // those of them that are applied, if not committed
  std::vector<RoutedBatchPtr> pending_;     // what is not all committed
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> statements_;
};

}  // namespace eventstore::projection
