#include <utility>

#include "core/mapped_access.hpp"
#include "log/log_store.hpp"
#include "log/verify.hpp"

// What is asked of the store as a whole.
namespace eventstore::log {

Result<StoreStats> LogStore::stats() {
  const MappedAccess access;
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  return count_log(*environment_.files, settings_.folder, *seen, secret_);
}

Health LogStore::health() {
  Health health{.store_id = store_id_, .lineage_id = lineage_id_};
  if (tail_ != nullptr) health.failure = tail_->failure_seen();
  health.scrub = scrub_ != nullptr
                     ? scrub_->status()
                     : Scrub::status_of(load_scrub_record(*environment_.files, settings_.folder));
  return health;
}

std::uint64_t LogStore::scrub_step(std::uint64_t bytes_max) {
  return scrub_ != nullptr ? scrub_->step(bytes_max) : 0;
}

Result<VerifyReport> LogStore::verify() {
  const MappedAccess access;
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  const auto manifest = follower_ != nullptr ? follower_->manifest() : tail_->manifest();
  return verify_log(*environment_.files, settings_, *seen, manifest);
}

}  // namespace eventstore::log
