#include "subscription/checkpoint_keeper.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/refusal.hpp"
#include "eventstore/checkpoint.hpp"
#include "eventstore/validate.hpp"

namespace eventstore::subscription {
namespace {

// How long a transaction of the state database may take.
constexpr auto kPatience = std::chrono::seconds(10);
// A moment that the clock can still tell.
constexpr std::chrono::milliseconds kEveryMax = std::chrono::weeks(52);

}  // namespace

Result<CheckpointKeeper> CheckpointKeeper::load(DurableCheckpoint checkpoint, Clock& clock) {
  if (checkpoint.state == nullptr) {
    return invalid_argument("a durable checkpoint needs a state database");
  }
  if (auto valid = validate_checkpoint_name(checkpoint.name); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  const auto transaction = checkpoint.state->begin_read(clock.monotonic_now() + kPatience);
  if (!transaction) return std::unexpected(transaction.error());
  const auto there = load_checkpoint(**transaction, checkpoint.name);
  if (!there) return std::unexpected(there.error());
  CheckpointKeeper keeper(std::move(checkpoint), clock);
  if (*there) keeper.loaded_ = keeper.stored_ = (*there)->position;
  return keeper;
}

CheckpointKeeper::CheckpointKeeper(DurableCheckpoint checkpoint, Clock& clock)
    : checkpoint_(std::move(checkpoint)), clock_(&clock) {}

void CheckpointKeeper::begin(GlobalPosition position) {
  reached_ = position;
  if (!loaded_ || reached_ != stored_) due_ = clock_->monotonic_now();
}

bool CheckpointKeeper::count_handled() {
  ++events_;
  const auto now = clock_->monotonic_now();
  due_ = std::min(due_, events_ >= checkpoint_.every_events
                            ? now
                            : now + std::min(checkpoint_.every, kEveryMax));
  return now >= due_;
}

void CheckpointKeeper::reached(GlobalPosition position) {
  reached_ = position;
  if (reached_ == stored_) return;
  due_ = std::min(due_, clock_->monotonic_now() + std::min(checkpoint_.every, kEveryMax));
}

Result<void> CheckpointKeeper::store() {
  const auto transaction = checkpoint_.state->begin(clock_->monotonic_now() + kPatience);
  if (!transaction) return std::unexpected(transaction.error());
  const auto outcome = store_checkpoint(**transaction, checkpoint_.name, stored_, reached_);
  if (!outcome) return std::unexpected(outcome.error());
  if (*outcome == CheckpointOutcome::Stored) {
    if (auto committed = (*transaction)->commit(); !committed) return committed;
  } else if (*outcome != CheckpointOutcome::AlreadyThere) {
    return invalid_argument("the checkpoint " + in_quotes(checkpoint_.name) +
                            " is no longer at position " + std::to_string(stored_.value) +
                            ", where this subscription has left it: another one of that name runs, "
                            "or somebody has moved it");
  }
  stored_ = reached_;
  events_ = 0;
  due_ = Deadline::max();
  return {};
}

}  // namespace eventstore::subscription
