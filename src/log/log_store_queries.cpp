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

Result<VerifyReport> LogStore::verify() {
  const MappedAccess access;
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  const auto manifest = follower_ != nullptr ? follower_->manifest() : tail_->manifest();
  return verify_log(*environment_.files, settings_, *seen, manifest);
}

}  // namespace eventstore::log
