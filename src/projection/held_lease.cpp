#include "projection/held_lease.hpp"

#include <utility>

#include "projection/row_deadline.hpp"

namespace eventstore::projection {

HeldLease::HeldLease(StateDatabase& state, std::string name, std::string owner,
                     std::chrono::milliseconds duration)
    : state_(state), name_(std::move(name)), owner_(std::move(owner)), duration_(duration) {}

Result<LeaseAnswer> HeldLease::hold(StateTransaction& transaction) {
  if (lease_) {
    auto lease = *lease_;
    const auto renewed = renew_lease(transaction, lease, duration_);
    if (!renewed) return std::unexpected(renewed.error());
    if (*renewed) return LeaseAnswer{.acquired = true, .lease = std::move(lease)};
    lease_.reset();
  }
  return acquire_lease(transaction, name_, owner_, duration_);
}

void HeldLease::keep(Lease lease) {
  lease_ = std::move(lease);
  renew_at_ = std::chrono::steady_clock::now() + duration_ / 3;
}

bool HeldLease::is_due() const {
  return std::chrono::steady_clock::now() >= renew_at_;
}

Result<bool> HeldLease::renew_in_time() {
  if (!lease_) return false;
  if (!is_due()) return true;
  auto open = state_.begin(row_deadline());
  if (!open) return std::unexpected(std::move(open).error());
  auto lease = *lease_;
  const auto renewed = renew_lease(**open, lease, duration_);
  if (!renewed) return renewed;
  if (!*renewed) {
    lease_.reset();
    return false;
  }
  if (auto done = (*open)->commit(); !done) return std::unexpected(std::move(done).error());
  keep(std::move(lease));
  return true;
}

void HeldLease::give_up() {
  if (!lease_) return;
  const auto lease = *std::exchange(lease_, std::nullopt);
  auto open = state_.begin(row_deadline());
  if (!open) return;
  const auto released = release_lease(**open, lease);
  if (released && *released) static_cast<void>((*open)->commit());
}

}  // namespace eventstore::projection
