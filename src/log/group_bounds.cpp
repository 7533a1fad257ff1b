#include "log/group_bounds.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/append_errors.hpp"
#include "core/refusal.hpp"
#include "log/bounds_lookup.hpp"

namespace eventstore::log {
namespace {

std::string version_text(StreamVersion version) {
  return std::to_string(version.value);
}

}  // namespace

// Goes through the events of one append in their order.
class GroupBounds::Check {
 public:
  Check(GroupBounds& group, const PreparedAppend& append) : group_(group), append_(append) {}

  Result<void> run() {
    auto stated = append_.stated().begin();
    for (const auto& event : append_.events()) {
      const auto bounds = bounds_of(event.stream);
      if (!bounds) return std::unexpected(bounds.error());
      if (bounds->is_tombstoned()) return std::unexpected(stream_deleted(event.stream));
      if (auto added = add_event(event.stream); !added) return added;
      if (stated == append_.stated().end() || stated->event != &event) continue;
      if (auto fits = take(stated->bounds); !fits) return fits;
      ++stated;
    }
    return {};
  }

 private:
  Result<StreamBounds> bounds_of(std::string_view stream) const {
    const auto changed = group_.checked_.find(stream);
    return changed != group_.checked_.end() ? changed->second : group_.of(stream);
  }

  Result<StreamVersion> version_of(std::string_view stream) {
    const auto written = versions_.find(stream);
    return written != versions_.end() ? written->second : group_.version_of_(stream);
  }

  Result<void> add_event(std::string_view stream) {
    const auto version = version_of(stream);
    if (!version) return std::unexpected(version.error());
    versions_.insert_or_assign(stream, StreamVersion{version->value + 1});
    return {};
  }

  Result<void> take(const StatedBounds& stated) {
    if (stated.is_tombstone) {
      StreamBounds bounds;
      bounds.tombstone = versions_.at(stated.stream);
      group_.checked_.insert_or_assign(stated.stream, bounds);
      return {};
    }
    const auto before = bounds_of(stated.stream);
    if (!before) return std::unexpected(before.error());
    if (before->is_tombstoned()) return std::unexpected(stream_deleted(stated.stream));
    if (before->empty() && stated.bounds.empty()) return {};
    if (auto fits = follows(*before, stated); !fits) return fits;
    group_.checked_.insert_or_assign(stated.stream, stated.bounds);
    return {};
  }

  Result<void> follows(const StreamBounds& before, const StatedBounds& stated) {
    const auto last = version_of(stated.stream);
    if (!last) return std::unexpected(last.error());
    if (stated.bounds.truncate_before.value > last->value + 1) {
      return invalid_argument("stream " + in_quotes(stated.stream) +
                              " cannot be truncated before version " +
                              version_text(stated.bounds.truncate_before) +
                              ": its next version is " + version_text({last->value + 1}));
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
  Result<StreamVersion> first_that_stays(const StreamBounds& before, const StatedBounds& stated,
                                         StreamVersion last) const {
    auto first = before.truncate_before;
    const auto& retention = before.retention;
    const auto& next = stated.bounds.retention;
    if (is_relaxed(retention.max_count, next.max_count) && last.value > *retention.max_count) {
      first = std::max(first, StreamVersion{last.value - *retention.max_count + 1});
    }
    if (is_relaxed(retention.max_age, next.max_age)) {
      const auto young = first_young(group_.durable_, stated.stream, *retention.max_age,
                                     group_.tail_.secret(), group_.now_);
      if (!young) return young;
      first = std::max(first, *young);
    }
    return first;
  }

  GroupBounds& group_;
  const PreparedAppend& append_;
  std::unordered_map<std::string_view, StreamVersion> versions_;  // with this append's events
};

GroupBounds::GroupBounds(const LogTail& tail, const Snapshot& durable, Timestamp now,
                         VersionOf version_of)
    : tail_(tail), durable_(durable), now_(now), version_of_(std::move(version_of)) {}

Result<StreamBounds> GroupBounds::of(std::string_view stream) {
  if (!any()) return StreamBounds{};
  if (const auto known = known_.find(stream); known != known_.end()) return known->second;
  auto bounds = bounds_of(durable_, stream, tail_.secret());
  if (bounds) known_.emplace(stream, *bounds);
  return bounds;
}

// What members of the group state is known, and may be in the index of the newest run by now.
bool GroupBounds::any() {
  if (!known_.empty()) return true;
  if (!any_durable_) any_durable_ = has_bounds(durable_.runs());
  return *any_durable_;
}

Result<void> GroupBounds::refuse_tombstoned(const PreparedAppend& append) {
  if (!any()) return {};
  for (const auto& event : append.events()) {
    const auto bounds = of(event.stream);
    if (!bounds) return std::unexpected(bounds.error());
    if (bounds->is_tombstoned()) return std::unexpected(stream_deleted(event.stream));
  }
  return {};
}

Result<void> GroupBounds::check(const PreparedAppend& append) {
  checked_.clear();
  if (append.stated().empty()) return {};
  return Check(*this, append).run();
}

void GroupBounds::accept() {
  for (const auto& [stream, bounds] : checked_)
    known_.insert_or_assign(std::string(stream), bounds);
  checked_.clear();
}

}  // namespace eventstore::log
