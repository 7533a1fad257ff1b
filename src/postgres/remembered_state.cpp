#include "postgres/remembered_state.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::postgres {
namespace {

constexpr std::size_t kStreamsMax = 16'384;  // of a generation

bool expects_no_stream(const PreparedAppend& append, std::string_view stream) {
  return std::ranges::any_of(append.checks(), [&](const StreamCheck& check) {
    return check.stream == stream && check.expected.kind() == ExpectedVersion::Kind::NoStream;
  });
}

}  // namespace

std::optional<StoredState> RememberedState::recall(std::span<Pending* const> group) const {
  if (undisturbed_ < undisturbed_needed_) return std::nullopt;
  StoredState state{
      .last_month = last_month_, .head = head_, .head_id = head_id_, .is_remembered = true};
  for (const auto* pending : group) {
    const auto& append = pending->append;
    // Of what is stored up to the head, conditions would have to be asked.
    if (append.condition() && append.condition()->after < head_) return std::nullopt;
    if (append.states_bounds() || !add_streams(append, state)) return std::nullopt;
  }
  return state;
}

bool RememberedState::add_streams(const PreparedAppend& append, StoredState& state) const {
  const auto add = [&](std::string_view name) {
    const auto [at, is_new] = state.streams.try_emplace(name);
    if (!is_new) return true;
    const auto* known = find(name);
    if (known != nullptr) {
      at->second = *known;
    } else if (expects_no_stream(append, name)) {
      state.taken_for_new.push_back(name);
    } else {
      return false;
    }
    return true;
  };
  return std::ranges::all_of(append.events(),
                             [&](const auto& event) { return add(event.event->stream); }) &&
         std::ranges::all_of(append.checks(), [&](const auto& check) { return add(check.stream); });
}

void RememberedState::learn(GlobalPosition found, const Uuid& found_id, const StoredState& left) {
  if (found == head_ && (found_id == Uuid{} || found_id == head_id_)) {
    undisturbed_ = std::min(undisturbed_ + 1, kUndisturbedMax);
  } else {
    undisturbed_ = 0;
    young_.clear();
    old_.clear();
  }
  head_ = left.head;
  head_id_ = left.head_id;
  last_month_ = left.last_month;
  for (const auto& [name, stream] : left.streams) {
    if (stream.id != 0) remember(name, stream);
  }
}

void RememberedState::forget() {
  head_ = {};
  head_id_ = {};
  undisturbed_ = 0;
  undisturbed_needed_ = std::min(undisturbed_needed_ * 2, kUndisturbedMax);
  young_.clear();
  old_.clear();
}

const StoredStream* RememberedState::find(std::string_view name) const {
  for (const auto* generation : {&young_, &old_}) {
    const auto at = generation->find(name);
    if (at != generation->end()) return &at->second;
  }
  return nullptr;
}

void RememberedState::remember(std::string_view name, const StoredStream& stream) {
  const auto at = young_.find(name);
  if (at != young_.end()) {
    at->second = stream;
    return;
  }
  if (young_.size() >= kStreamsMax) old_ = std::exchange(young_, {});
  young_.emplace(name, stream);
}

}  // namespace eventstore::postgres
