#include "core/bounds_check.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/append_errors.hpp"
#include "core/refusal.hpp"

namespace eventstore {
namespace {

std::string version_text(StreamVersion version) {
  return std::to_string(version.value);
}

}  // namespace

BoundsCheck::BoundsCheck(Before before) : before_(std::move(before)) {}

Result<void> BoundsCheck::add(std::string_view stream, const StatedBounds* stated) {
  const auto bounds = bounds_of(stream);
  if (!bounds) return std::unexpected(bounds.error());
  if (bounds->is_tombstoned()) return std::unexpected(stream_deleted(stream));
  const auto last = last_version_of(stream);
  if (!last) return std::unexpected(last.error());
  const StreamVersion version{last->value + 1};
  versions_.insert_or_assign(stream, version);
  if (stated == nullptr) return {};
  if (!stated->is_tombstone) return take(*stated);
  changes_.insert_or_assign(stream, StreamBounds{.tombstone = version});
  return {};
}

BoundsCheck::Changes BoundsCheck::take_changes() {
  return std::move(changes_);
}

Result<StreamBounds> BoundsCheck::bounds_of(std::string_view stream) const {
  const auto changed = changes_.find(stream);
  return changed != changes_.end() ? changed->second : before_.bounds_of(stream);
}

Result<StreamVersion> BoundsCheck::last_version_of(std::string_view stream) const {
  const auto written = versions_.find(stream);
  return written != versions_.end() ? written->second : before_.last_version_of(stream);
}

Result<void> BoundsCheck::take(const StatedBounds& stated) {
  const auto before = bounds_of(stated.stream);
  if (!before) return std::unexpected(before.error());
  if (before->is_tombstoned()) return std::unexpected(stream_deleted(stated.stream));
  if (before->empty() && stated.bounds.empty()) return {};
  if (auto fits = follows(*before, stated); !fits) return fits;
  changes_.insert_or_assign(stated.stream, stated.bounds);
  return {};
}

Result<void> BoundsCheck::follows(const StreamBounds& before, const StatedBounds& stated) const {
  const auto last = last_version_of(stated.stream);
  if (!last) return std::unexpected(last.error());
  if (stated.bounds.truncate_before.value > last->value + 1) {
    return invalid_argument("stream " + in_quotes(stated.stream) +
                            " cannot be truncated before version " +
                            version_text(stated.bounds.truncate_before) + ": its next version is " +
                            version_text({last->value + 1}));
  }
  const auto hidden = first_that_stays(before, stated, *last);
  if (!hidden) return std::unexpected(hidden.error());
  // Before version 1 there is nothing to bring back.
  const auto least = std::max(*hidden, StreamVersion{1});
  const auto first = std::max(stated.bounds.truncate_before, StreamVersion{1});
  if (!stated.bounds.empty() && first >= least) return {};
  return invalid_argument(
      "the metadata of stream " + in_quotes(stated.stream) +
      " would bring back deleted events, or lacks the bounds that the stream has: its \"" +
      std::string(kTruncateBeforeKey) + "\" must be at least " + version_text(least));
}

// Versions before it are hidden by bounds that `stated` takes away or relaxes, or truncated.
Result<StreamVersion> BoundsCheck::first_that_stays(const StreamBounds& before,
                                                    const StatedBounds& stated,
                                                    StreamVersion last) const {
  auto first = before.truncate_before;
  const auto& retention = before.retention;
  const auto& next = stated.bounds.retention;
  if (is_relaxed(retention.max_count, next.max_count) && last.value > *retention.max_count) {
    first = std::max(first, StreamVersion{last.value - *retention.max_count + 1});
  }
  if (is_relaxed(retention.max_age, next.max_age)) {
    const auto young = before_.first_young(stated.stream, *retention.max_age);
    if (!young) return young;
    first = std::max(first, *young);
  }
  return first;
}

}  // namespace eventstore
