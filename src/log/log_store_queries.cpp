#include <utility>

#include "core/mapped_access.hpp"
#include "log/log_store.hpp"
#include "log/scavenge.hpp"
#include "log/verify.hpp"

// What is asked of the store as a whole.
namespace eventstore::log {

Result<StoreStats> LogStore::stats() {
  const MappedAccess access;
  return answer([&](const Snapshot& seen) {
    return count_log(*environment_.files, settings_.folder, seen, secret_);
  });
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

Result<ScavengeReport> LogStore::scavenge(const ScavengeOptions& options) {
  const auto scavenge = [&](const Snapshot& /*seen*/) {
    return scavenge_log(
        environment_,
        {.settings = settings_, .secret = secret_, .view = view_, .tail = tail_.get()}, options);
  };
  if (options.dry_run) return answer(scavenge);
  if (tail_ == nullptr) {
    return std::unexpected(
        Error{.code = ErrorCode::ReadOnly,
              .message = "the store was opened read-only; open it for writing to scavenge"});
  }
  if (auto failure = tail_->failure_seen()) {
    failure->code = ErrorCode::ReadOnly;
    return std::unexpected(*std::move(failure));
  }
  if (scavenging_.exchange(true)) {
    return std::unexpected(Error{.code = ErrorCode::Overloaded,
                                 .message = "the store is being scavenged; try again later"});
  }
  auto report = answer(scavenge);
  scavenging_ = false;
  return report;
}

Result<VerifyReport> LogStore::verify() {
  const MappedAccess access;
  return answer([&](const Snapshot& seen) {
    const auto manifest = follower_ != nullptr ? follower_->manifest() : tail_->manifest();
    return verify_log(*environment_.files, settings_, seen, manifest);
  });
}

}  // namespace eventstore::log
