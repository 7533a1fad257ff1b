#include "log/affected_streams.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace eventstore::log {
namespace {

// Whether the index of a run lacks some of the positions from `first` to `last`.
bool lacks_some(const Run& run, GlobalPosition first, GlobalPosition last) {
  return run.damage != nullptr && std::ranges::any_of(*run.damage, [&](const Finding& finding) {
           return finding.where.first_position <= last && first <= finding.where.last_position;
         });
}

// Adds the streams with events from `first` to `last`. False: the index does not tell.
bool add_streams(const Run& run, GlobalPosition first, GlobalPosition last,
                 std::set<std::string, std::less<>>& names) {
  if (lacks_some(run, first, last)) return false;
  bool readable = true;
  const auto visit = [&](std::string_view name, const KeyEntry& entry) {
    Posting posting = 0;
    const auto found =
        run.index->fetch(entry, run.posting_of(first), Direction::Forwards, {&posting, 1});
    readable = found.has_value();
    if (readable && *found > 0 && run.position_of(posting) <= last) names.emplace(name);
    return readable;
  };
  return run.index->list_keys(KeyKind::Stream, "", "", visit) && readable;
}

}  // namespace

std::optional<AffectedStreams> affected_streams(const Snapshot& snapshot,
                                                const DamageDetails& where) {
  const auto first = where.first_position;
  const auto last = where.last_position;
  if (first.value == 0 || last < first) return AffectedStreams{};
  std::set<std::string, std::less<>> names;
  for (auto ordinal = snapshot.run_of(first); ordinal < snapshot.runs().size(); ++ordinal) {
    const auto& run = *snapshot.runs()[ordinal];
    if (run.first_position > last) break;
    const auto begin = std::max(first, run.first_position);
    const auto end = std::min(last, snapshot.last_position_of_run(ordinal));
    if (begin <= end && !add_streams(run, begin, end, names)) return std::nullopt;
  }
  AffectedStreams affected{.names = {}, .count = names.size()};
  for (const auto& name : names) {
    if (affected.names.size() == AffectedStreams::kNamesMax) break;
    affected.names.push_back(name);
  }
  return affected;
}

}  // namespace eventstore::log
