#include "log/group_bounds.hpp"

#include <chrono>
#include <utility>

#include "core/append_errors.hpp"
#include "log/bounds_lookup.hpp"

namespace eventstore::log {

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
  BoundsCheck check({.bounds_of = [this](std::string_view stream) { return of(stream); },
                     .last_version_of = version_of_,
                     .first_young =
                         [this](std::string_view stream, std::chrono::seconds max_age) {
                           return first_young(durable_, stream, max_age, tail_.secret(), now_);
                         }});
  auto stated = append.stated().begin();
  for (const auto& event : append.events()) {
    const bool states = stated != append.stated().end() && stated->event == &event;
    if (auto fits = check.add(event.stream, states ? &stated->bounds : nullptr); !fits) return fits;
    if (states) ++stated;
  }
  checked_ = check.take_changes();
  return {};
}

void GroupBounds::accept() {
  for (const auto& [stream, bounds] : checked_)
    known_.insert_or_assign(std::string(stream), bounds);
  checked_.clear();
}

}  // namespace eventstore::log
