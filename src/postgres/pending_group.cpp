#include "postgres/pending_group.hpp"

#include <algorithm>

#include "postgres/group_copier.hpp"

namespace eventstore::postgres {
namespace {

using Doubt = PendingGroup::Doubt;

bool is_open(Doubt doubt) {
  return doubt == Doubt::AtOnce || doubt == Doubt::Commit;
}

}  // namespace

bool PendingGroup::is_large() const {
  std::size_t events = 0;
  for (const auto* pending : members) events += pending->append.events().size();
  return events >= kCopiedEventsMin;
}

void PendingGroup::doubt_what_was_sent(std::span<const Result<AppendResult>> results,
                                       bool at_once) {
  for (std::size_t index = 0; index < members.size(); ++index) {
    auto& doubt = doubts[index];
    if (doubt == Doubt::Written) continue;
    const auto& result = results[index];
    const bool has_events = !members[index]->append.events().empty();
    if (has_events && result && !result->repeated) {
      doubt = at_once ? Doubt::AtOnce : Doubt::Commit;
    } else if (doubt == Doubt::Commit) {
      doubt = Doubt::None;  // it was looked at since
    }
  }
}

bool PendingGroup::lacks_something(const StoredState& state) const {
  for (std::size_t index = 0; index < members.size(); ++index) {
    if (!is_open(doubts[index])) continue;
    const auto events = members[index]->append.events();
    if (std::ranges::any_of(events, [&](const PreparedAppend::Event& event) {
          return !state.ids.contains({event.event->stream, event.id});
        })) {
      return true;
    }
  }
  return false;
}

void PendingGroup::settle_doubts() {
  std::ranges::replace_if(doubts, is_open, lost_at_once == 0 ? Doubt::None : Doubt::AtOnce);
}

// Ids that the store made nobody else has.
bool PendingGroup::is_own(std::size_t index, const StoredState& state) const {
  if (!is_open(doubts[index])) return doubts[index] == Doubt::Written;
  const auto events = members[index]->append.events();
  return std::ranges::all_of(events, [&](const PreparedAppend::Event& event) {
    if (!event.given_id) return true;
    const auto found = state.ids.find({event.event->stream, event.id});
    if (found == state.ids.end()) return true;
    const auto attempt = found->second.attempt;
    return attempt != 0 && (attempt == lost_at_once || attempt == lost_commit);
  });
}

bool PendingGroup::is_refused_in_doubt(std::span<const Result<AppendResult>> results) const {
  for (std::size_t index = 0; index < results.size(); ++index) {
    if (!results[index] && doubts[index] == Doubt::AtOnce) return true;
  }
  return false;
}

}  // namespace eventstore::postgres
