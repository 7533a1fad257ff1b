#include "subscription/stored_reader.hpp"

#include <string>
#include <utility>
#include <variant>

#include "core/refusal.hpp"

namespace eventstore::subscription {
namespace {

// The place of one event, and its time: what a search looks at.
struct Probe {
  GlobalPosition position;
  StreamVersion version;
  Timestamp recorded_at;
};

// The first event that `request` selects; absent where it selects none.
Result<std::optional<Probe>> first_of(EventStore& store, ReadRequest request) {
  request.limit = 1;
  const auto cursor = store.read(std::move(request));
  if (!cursor) return std::unexpected(cursor.error());
  const auto events = (*cursor)->next();
  if (!events) return std::unexpected(events.error());
  if (events->empty()) return std::nullopt;
  const auto& event = events->front();
  return Probe{
      .position = event.position, .version = event.version, .recorded_at = event.recorded_at};
}

Result<GlobalPosition> checked_position(EventStore& store, GlobalPosition position) {
  const auto head = store.head();
  if (!head) return head;
  if (position <= *head) return position;
  return invalid_argument("the subscription is to begin after position " +
                          std::to_string(position.value) + ", but the store's last one is " +
                          std::to_string(head->value) +
                          "; a checkpoint that is beyond it is of another store, or of this one "
                          "before it was restored");
}

// Times never decrease with the position, so that the first event recorded at `time` or later is
// found by halving.
Result<GlobalPosition> position_before(EventStore& store, Timestamp time) {
  const auto head = store.head();
  if (!head) return head;
  std::uint64_t low = 1;  // what comes before is older
  std::uint64_t high = head->value + 1;
  // What lies in a month that is detached is taken for older. Where the search ends next to such an
  // event, nobody can tell.
  std::optional<Error> unknown_before_low;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto probe = first_of(store, {.from = middle, .to = high - 1, .include_system = true});
    if (!probe && probe.error().code != ErrorCode::Archived) {
      return std::unexpected(probe.error());
    }
    if (!probe) {
      low = middle + 1;
      unknown_before_low = probe.error();
    } else if (*probe && (*probe)->recorded_at < time) {
      low = (*probe)->position.value + 1;
      unknown_before_low.reset();
    } else {
      high = middle;
    }
  }
  if (unknown_before_low) return std::unexpected(*std::move(unknown_before_low));
  return GlobalPosition{low - 1};
}

}  // namespace

Result<StoredReader::Part> StoredReader::next(GlobalPosition position,
                                              const std::stop_token& cancellation) {
  if (cursor_ == nullptr) pass_stop_ = std::stop_source();
  // The cursor outlives this call, and with it the token that it was opened with.
  const std::stop_callback forward(cancellation, [this] { pass_stop_.request_stop(); });
  if (cursor_ == nullptr) {
    if (auto begun = begin_pass(position); !begun) {
      return std::unexpected(std::move(begun).error());
    }
  }
  const auto events = cursor_->next();
  if (!events) {
    cursor_.reset();
    return std::unexpected(events.error());
  }
  if (events->empty()) {
    const auto head = std::max(position, cursor_->head());
    cursor_.reset();
    return Part{.events = {}, .up_to = head, .ends_a_pass = true};
  }
  passed(events->back());
  return Part{.events = *events, .up_to = events->back().position};
}

Result<void> StoredReader::begin_pass(GlobalPosition position) {
  auto request = filter_.read_request();
  request.from = position.value + 1;
  if (std::holds_alternative<SelectStream>(request.selector)) {
    if (!next_version_) {
      const auto version = version_after(position);
      if (!version) return std::unexpected(version.error());
      next_version_ = *version;
    }
    request.from = next_version_;
  }
  request.cancellation = pass_stop_.get_token();
  auto cursor = store_.read(std::move(request));
  if (!cursor) return std::unexpected(std::move(cursor).error());
  cursor_ = *std::move(cursor);
  return {};
}

// The first version of the stream that comes after `position`, or that is still to come.
Result<std::uint64_t> StoredReader::version_after(GlobalPosition position) const {
  const auto& selected = std::get<SelectStream>(filter_.selector());
  if (position == GlobalPosition{}) return 1;
  const auto info = store_.stream_info(selected.stream);
  if (!info) return std::unexpected(info.error());
  std::uint64_t low = 1;  // what comes before is at `position` or before it
  std::uint64_t high = *info ? (*info)->version.value + 1 : 1;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto probe = first_of(store_, {.selector = selected, .from = middle, .to = high - 1});
    if (!probe) return std::unexpected(probe.error());
    if (*probe && (*probe)->position <= position) {
      low = (*probe)->version.value + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<GlobalPosition> position_of(EventStore& store, const SubscriptionStart& start) {
  if (std::holds_alternative<FromEnd>(start)) return store.head();
  if (const auto* const after = std::get_if<AfterPosition>(&start)) {
    return checked_position(store, after->position);
  }
  if (const auto* const since = std::get_if<SinceTime>(&start)) {
    return position_before(store, since->time);
  }
  return GlobalPosition{};
}

}  // namespace eventstore::subscription
