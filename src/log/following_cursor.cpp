#include "log/following_cursor.hpp"

#include <utility>

namespace eventstore::log {

FollowingCursor::FollowingCursor(Snapshot snapshot, ReadRequest request, std::uint64_t secret,
                                 Clock& clock, Look look)
    : request_(std::move(request)),
      secret_(secret),
      clock_(clock),
      look_(std::move(look)),
      head_(snapshot.head),
      cursor_(std::make_unique<LogCursor>(std::move(snapshot), request_, secret_, clock_)) {}

Result<std::span<const EventView>> FollowingCursor::next() {
  // A scavenge rewrites a segment once: what is gone again and again is lost.
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    auto batch = cursor_->next();
    if (batch) {
      remember(*batch);
      return batch;
    }
    if (!cursor_->met_missing_file() || attempt == kAttempts) return batch;
    auto seen = look_();
    if (!seen) return std::unexpected(std::move(seen).error());
    seen->head = head_;
    cursor_ = std::make_unique<LogCursor>(*std::move(seen), request_, secret_, clock_);
  }
}

// Narrows the request to what comes behind the batch.
void FollowingCursor::remember(std::span<const EventView> batch) {
  if (batch.empty()) return;
  const auto& last = batch.back();
  const bool is_stream = std::holds_alternative<SelectStream>(request_.selector);
  const auto number = is_stream ? last.version.value : last.position.value;
  if (request_.limit) *request_.limit -= batch.size();
  if (request_.direction == Direction::Forwards) {
    request_.from = number + 1;
  } else if (number > 1) {
    request_.from = number - 1;
  } else {
    request_.limit = 0;
  }
}

}  // namespace eventstore::log
