#include "eventstore/lease.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "eventstore/validate.hpp"

namespace eventstore {
namespace {

constexpr const char* kAcquire =
    "INSERT INTO state_leases (name, owner, fence, expires_at) VALUES ($1, $2, 1, $3)"
    " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, fence = state_leases.fence + 1,"
    " expires_at = excluded.expires_at WHERE state_leases.expires_at <= $4 RETURNING fence";
constexpr const char* kFind =
    "SELECT name, owner, fence, expires_at FROM state_leases WHERE name = $1";
constexpr const char* kRenew =
    "UPDATE state_leases SET expires_at = $3 WHERE name = $1 AND fence = $2";
// Whoever had it is fenced.
constexpr const char* kRelease =
    "UPDATE state_leases SET expires_at = 0, fence = fence + 1 WHERE name = $1 AND fence = $2";
constexpr const char* kHolds = "SELECT fence FROM state_leases WHERE name = $1 AND fence = $2";

}  // namespace

Result<LeaseAnswer> acquire_lease(StateTransaction& transaction, std::string_view name,
                                  std::string_view owner, std::chrono::milliseconds duration) {
  if (auto valid = validate_lease_name(name); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  if (auto valid = validate_lease_owner(owner); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  const auto now = transaction.now();
  const Timestamp expires_at = now + duration;
  const auto taken =
      transaction.run(kAcquire, {name, owner, sql_number(expires_at), sql_number(now)});
  if (!taken) return std::unexpected(taken.error());
  if (!taken->empty()) {
    return LeaseAnswer{.acquired = true,
                       .lease = {.name = std::string(name),
                                 .owner = std::string(owner),
                                 .fence = taken->integer(0, 0),
                                 .expires_at = expires_at}};
  }
  auto other = find_lease(transaction, name);
  if (!other) return std::unexpected(std::move(other).error());
  return LeaseAnswer{.acquired = false, .lease = other->value_or(Lease{})};
}

Result<bool> renew_lease(StateTransaction& transaction, Lease& lease,
                         std::chrono::milliseconds duration) {
  const auto now = transaction.now();
  const Timestamp expires_at = now + duration;
  const auto renewed = transaction.run(kRenew, {lease.name, lease.fence, sql_number(expires_at)});
  if (!renewed) return std::unexpected(renewed.error());
  if (renewed->changed() == 0) return false;
  lease.expires_at = expires_at;
  return true;
}

Result<bool> holds_lease(StateTransaction& transaction, const Lease& lease) {
  const auto sql = std::string(kHolds).append(transaction.for_update());
  const auto held = transaction.run(sql, {lease.name, lease.fence});
  if (!held) return std::unexpected(held.error());
  return !held->empty();
}

Result<bool> release_lease(StateTransaction& transaction, const Lease& lease) {
  const auto released = transaction.run(kRelease, {lease.name, lease.fence});
  if (!released) return std::unexpected(released.error());
  return released->changed() > 0;
}

Result<std::optional<Lease>> find_lease(StateTransaction& transaction, std::string_view name) {
  const auto rows = transaction.run(kFind, {name});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return Lease{.name = std::string(rows->text(0, 0)),
               .owner = std::string(rows->text(0, 1)),
               .fence = rows->integer(0, 2),
               .expires_at = rows->time(0, 3)};
}

}  // namespace eventstore
