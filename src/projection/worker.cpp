#include "projection/worker.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "projection/failure_rows.hpp"
#include "projection/row_deadline.hpp"
#include "projection/worker_context.hpp"

namespace eventstore::projection {
namespace {

// What there is in memory of events that are not committed.
constexpr std::size_t kPendingBytesMax = std::size_t{64} << 20;

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace

Worker::Worker(const GenerationWork& work, Share share, const WorkerRow& at)
    : work_(work),
      share_(share),
      committed_(at.position),
      applied_(at.position),
      documents_(work.generation.id, share, work.options.cache_bytes_max / share.workers) {}

Worker::~Worker() = default;

// What the database does not take is what an event has led to.
Worker::Failure Worker::failure_of(Error error) {
  const auto kind =
      error.code == ErrorCode::InvalidArgument ? RunEnd::Kind::Failed : RunEnd::Kind::Broken;
  return {.kind = kind, .error = std::move(error)};
}

RunEnd Worker::end_of(Failure failure) {
  return {.kind = failure.kind, .error = std::move(failure.error)};
}

RunEnd Worker::run(BatchQueue& queue, const std::stop_token& stop) {
  stop_ = stop;
  if (auto loaded = load(); !loaded) return end_of(std::move(loaded).error());
  while (const auto batch = queue.pop(stop)) {
    begin_time();
    auto done = apply_some(batch, batch->up_to);
    if (done) done = commit_if_due(*batch, queue, stop);
    while (!done) {
      if (done.error().kind != RunEnd::Kind::Failed) return end_of(std::move(done).error());
      if (auto end = recover(std::move(done).error())) return *std::move(end);
      done = commit_if_due(*batch, queue, stop);
    }
  }
  if (stop.stop_requested()) return {.kind = RunEnd::Kind::Stopped};
  return {.kind = RunEnd::Kind::Reached};
}

// Waits for the next batch, where that is about to come: a transaction is the better the more there
// is in it. Where no more come, what is left is due.
Worker::Outcome<> Worker::commit_if_due(const RoutedBatch& batch, BatchQueue& queue,
                                        const std::stop_token& stop) {
  std::size_t pending_bytes = 0;
  for (const auto& pending : pending_) pending_bytes += pending->events.bytes();
  const bool is_full = events_ >= work_.options.transaction_events_max ||
                       pending_bytes >= kPendingBytesMax || is_late();
  // Others may wait for what a transaction has locked, and the reader for them.
  const bool may_wait = batch.is_followed && transaction_ == nullptr;
  if (!is_full && queue.wait_for_some(stop, may_wait ? commit_by_ : Deadline::min())) return {};
  return commit(applied_);
}

Worker::Outcome<> Worker::load() {
  auto loaded = load_stored();
  if (loaded) return {};
  // What cannot be read may be gone, since a rebuild has taken its place.
  const auto kind = is_fenced() ? RunEnd::Kind::Fenced : RunEnd::Kind::Broken;
  return std::unexpected(Failure{.kind = kind, .error = std::move(loaded).error()});
}

Result<void> Worker::load_stored() {
  const auto opened = work_.state.begin_read(row_deadline());
  if (!opened) return std::unexpected(opened.error());
  auto failed = open_failures(**opened, work_.generation.id, committed_);
  if (!failed) return std::unexpected(std::move(failed).error());
  open_failures_ = *std::move(failed);
  if (committed_ != GlobalPosition{}) return documents_.load(**opened);
  documents_.assume_none_stored();
  return {};
}

// As far as that can be found out.
bool Worker::is_fenced() {
  const auto opened = work_.state.begin_read(row_deadline());
  if (!opened) return false;
  const auto workers = list_workers(**opened, work_.generation.id);
  return workers && std::ranges::none_of(*workers, [this](const WorkerRow& row) {
           return row.worker == share_.worker && row.fence == work_.fence;
         });
}

Worker::Outcome<> Worker::apply_some(const RoutedBatchPtr& batch, GlobalPosition last) {
  pending_.push_back(batch);
  const auto events = batch->events.events();
  for (std::size_t at = 0; at < events.size(); ++at) {
    const auto& event = events[at];
    if (!share_.has(batch->buckets[at]) || event.position <= applied_) continue;
    if (event.position > last) break;
    if (stop_.stop_requested()) {
      return std::unexpected(Failure{.kind = RunEnd::Kind::Stopped, .error = {}});
    }
    if (auto done = apply(event, batch->buckets[at]); !done) return done;
    // Seldom looked at where applying is fast, since the clock takes a while too.
    if ((transaction_ == nullptr && events_ % 16 != 0) || !is_late()) continue;
    if (auto done = commit(applied_); !done) return done;
    pending_.push_back(batch);
  }
  applied_ = std::max(applied_, std::min(last, batch->up_to));
  return {};
}

Worker::Outcome<> Worker::apply_all(const std::vector<RoutedBatchPtr>& batches,
                                    GlobalPosition last) {
  for (const auto& batch : batches) {
    if (auto done = apply_some(batch, last); !done) return done;
  }
  return {};
}

Worker::Outcome<> Worker::apply(const EventView& event, std::uint32_t bucket) {
  if (events_ == 0) begin_time();
  Context context(*this, event, bucket);
  Result<void> done;
  try {
    done = work_.projection.apply(context, event);
  } catch (const std::exception& error) {
    done = std::unexpected(Error{.code = ErrorCode::InvalidArgument, .message = error.what()});
  } catch (...) {
    done = std::unexpected(
        Error{.code = ErrorCode::InvalidArgument, .message = "apply() threw what is no exception"});
  }
  if (auto broken = context.take_broken()) {
    return std::unexpected(Failure{.kind = RunEnd::Kind::Broken, .error = *std::move(broken)});
  }
  if (!done) {
    return std::unexpected(Failure{.kind = RunEnd::Kind::Failed,
                                   .error = std::move(done).error(),
                                   .position = event.position});
  }
  if (open_failures_.contains(event.position)) recovered_.push_back(event.position);
  ++events_;
  applied_ = event.position;
  return {};
}

// What is applied from now on is to be committed in time.
void Worker::begin_time() {
  commit_by_ = std::min(commit_by_, in(work_.options.transaction_time_max));
}

Worker::Outcome<StateTransaction*> Worker::transaction() {
  if (transaction_ == nullptr) {
    auto begun = work_.state.begin(row_deadline());
    if (!begun) {
      return std::unexpected(
          Failure{.kind = RunEnd::Kind::Broken, .error = std::move(begun).error()});
    }
    transaction_ = *std::move(begun);
  }
  return transaction_.get();
}

Worker::Outcome<> Worker::commit(GlobalPosition position) {
  if (position == committed_ && events_ == 0) {
    pending_.clear();
    commit_by_ = Deadline::max();
    return {};
  }
  return commit_at(position);
}

Worker::Outcome<> Worker::write_documents(StateTransaction& transaction) {
  try {
    auto written = documents_.flush(transaction);
    if (!written) return std::unexpected(failure_of(std::move(written).error()));
  } catch (const std::exception& error) {
    return std::unexpected(
        failure_of({.code = ErrorCode::InvalidArgument,
                    .message = std::string("a document cannot be encoded: ") + error.what()}));
  }
  return {};
}

Worker::Outcome<> Worker::commit_at(GlobalPosition position) {
  const WorkerMove move{.generation = work_.generation.id,
                        .worker = share_.worker,
                        .fence = work_.fence,
                        .from = committed_,
                        .to = position,
                        .events = events_};
  const auto open = transaction();
  if (!open) return std::unexpected(open.error());
  for (const auto event : recovered_) {
    auto set = set_failure_state(**open, work_.generation.id, event, FailureState::Recovered);
    if (!set) return std::unexpected(failure_of(std::move(set).error()));
  }
  if (!is_planted(Plant::CheckpointFirst)) {
    if (auto written = write_documents(**open); !written) return written;
  }
  const auto moved = move_worker(**open, move);
  if (!moved) return std::unexpected(failure_of(moved.error()));
  if (!*moved) return std::unexpected(Failure{.kind = RunEnd::Kind::Fenced, .error = {}});
  if (auto done = (*open)->commit(); !done) {
    return std::unexpected(failure_of(std::move(done).error()));
  }

  transaction_.reset();
  if (is_planted(Plant::CheckpointFirst)) {
    const auto late = transaction();
    if (!late) return std::unexpected(late.error());
    auto written = write_documents(**late);
    if (!written || !(*late)->commit()) return std::unexpected(Failure{RunEnd::Kind::Broken, {}});
    transaction_.reset();
  }
  for (const auto event : std::exchange(recovered_, {})) open_failures_.erase(event);
  documents_.committed();
  pending_.clear();
  committed_ = applied_ = position;
  events_ = 0;
  commit_by_ = Deadline::max();
  if (work_.on_commit) work_.on_commit(share_.worker, committed_);
  return {};
}

bool Worker::is_late() const {
  return std::chrono::steady_clock::now() >= commit_by_;
}

void Worker::revert() {
  transaction_.reset();
  pending_.clear();
  documents_.revert();
  recovered_.clear();
  applied_ = committed_;
  events_ = 0;
  commit_by_ = Deadline::max();
}

}  // namespace eventstore::projection
