#include "log/log_cursor.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/mapped_access.hpp"
#include "log/damage.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kBatchEventsMax = 128;
// A batch that is copied is cut at this size.
constexpr std::uint64_t kBatchBytesMax = std::uint64_t{4} << 20;

ReadBounds bounds_of(const ReadRequest& request, GlobalPosition head) {
  const bool forwards = request.direction == Direction::Forwards;
  const auto low = (forwards ? request.from : request.to).value_or(1);
  const auto high =
      (forwards ? request.to : request.from).value_or(std::numeric_limits<std::uint64_t>::max());
  ReadBounds bounds;
  bounds.last_position = head;
  if (std::holds_alternative<SelectStream>(request.selector)) {
    bounds.first_version = {low};
    bounds.last_version = {high};
  } else {
    bounds.first_position = {std::max<std::uint64_t>(low, 1)};
    bounds.last_position = std::min(head, GlobalPosition{high});
  }
  return bounds;
}

bool is_empty(const ReadBounds& bounds) {
  return bounds.first_position > bounds.last_position || bounds.first_version > bounds.last_version;
}

}  // namespace

LogCursor::LogCursor(Snapshot snapshot, ReadRequest request, std::uint64_t secret, Clock& clock)
    : snapshot_(std::move(snapshot)),
      request_(std::move(request)),
      secret_(secret),
      clock_(clock),
      bounds_(bounds_of(request_, snapshot_.head)),
      hidden_(snapshot_, secret_),
      remaining_(request_.limit.value_or(std::numeric_limits<std::uint64_t>::max())),
      reader_(snapshot_.layout) {
  if (is_empty(bounds_) || remaining_ == 0) return;
  const auto first = snapshot_.run_of(bounds_.first_position);
  const auto last = snapshot_.run_of(bounds_.last_position);
  const bool forwards = request_.direction == Direction::Forwards;
  next_run_ = forwards ? first : last;
  last_run_ = forwards ? last : first;
  batch_.reserve(std::min<std::uint64_t>(remaining_, kBatchEventsMax));
}

Result<std::span<const EventView>> LogCursor::next() {
  batch_.clear();
  copies_.clear();
  batch_bytes_ = 0;
  reader_.forget_mappings();
  if (!failure_) {
    const MappedAccess access;
    if (auto filled = fill(); !filled) {
      failure_ = std::move(filled).error();
      const auto* const damage = std::get_if<DamageDetails>(&failure_->details);
      if (failure_->code == ErrorCode::Corruption && damage != nullptr && access.failed()) {
        failure_ = access_failed(damage->file);
      }
    }
  }
  // What was read before a failure is good and is handed out first.
  if (failure_ && batch_.empty()) return std::unexpected(lost_if_gone(*failure_));
  return batch_;
}

Result<void> LogCursor::fill() {
  if (auto wanted = still_wanted(); !wanted) return wanted;
  while (batch_.size() < kBatchEventsMax && batch_bytes_ < kBatchBytesMax && remaining_ > 0) {
    if (events_ != nullptr) {
      if (auto gone = go_on(); !gone) return gone;
      continue;
    }
    const auto opened = open_run();
    if (!opened) return std::unexpected(opened.error());
    if (!*opened) return {};
  }
  return {};
}

// Goes over the next event of the run, or to the run's end.
Result<void> LogCursor::go_on() {
  const auto more = events_->next(event_);
  if (!more) return std::unexpected(more.error());
  if (!*more) {
    events_ = nullptr;
    return {};
  }
  if (is_selected(event_.event)) {
    // Of one stream, what is hidden was left out from the start.
    if (!hidden_.any() || std::holds_alternative<SelectStream>(request_.selector)) {
      return take(event_);
    }
    const auto hidden = hidden_.hides(event_.event.view);
    if (!hidden) return std::unexpected(hidden.error());
    if (!*hidden) return take(event_);
  }
  return ++passed_over_ % 1024 == 0 ? still_wanted() : Result<void>();
}

// Leaves out what is hidden of the stream that is read.
Result<void> LogCursor::narrow() {
  narrowed_ = true;
  const auto* const selected = std::get_if<SelectStream>(&request_.selector);
  if (selected == nullptr || !hidden_.any()) return {};
  const auto bounds = log::bounds_of(snapshot_, selected->stream, secret_);
  if (!bounds) return std::unexpected(bounds.error());
  if (bounds->empty()) return {};
  const auto first =
      first_readable(snapshot_, selected->stream, *bounds, secret_, clock_.wall_now());
  if (!first) return std::unexpected(first.error());
  bounds_.first_version = std::max(bounds_.first_version, *first);
  if (is_empty(bounds_)) next_run_.reset();
  return {};
}

// Opens the next run, or passes over one that has nothing to show; false after the last.
Result<bool> LogCursor::open_run() {
  if (!narrowed_) {
    if (auto narrowed = narrow(); !narrowed) return std::unexpected(std::move(narrowed).error());
  }
  if (!next_run_) return false;
  const auto ordinal = *next_run_;
  if (ordinal == last_run_) {
    next_run_.reset();
  } else {
    next_run_ = request_.direction == Direction::Forwards ? ordinal + 1 : ordinal - 1;
  }
  const auto& run = *snapshot_.runs()[ordinal];
  const auto last = snapshot_.last_position_of_run(ordinal);
  if (last < run.first_position) return true;
  auto events = select_events(reader_, run, request_, bounds_, run.posting_of(last), secret_);
  if (!events) return std::unexpected(std::move(events).error());
  events_ = *std::move(events);
  return true;
}

Result<void> LogCursor::still_wanted() const {
  if (request_.cancellation.stop_requested()) {
    return std::unexpected(
        Error{.code = ErrorCode::Cancelled, .message = "the read was cancelled"});
  }
  if (request_.deadline && clock_.monotonic_now() > *request_.deadline) {
    return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                 .message = "the deadline passed before the read was done"});
  }
  return {};
}

bool LogCursor::is_selected(const StoredEvent& event) const {
  const auto& view = event.view;
  if (event.is_husk()) return false;
  if (const auto* stream = std::get_if<SelectStream>(&request_.selector)) {
    if (view.stream != stream->stream || view.version < bounds_.first_version ||
        view.version > bounds_.last_version) {
      return false;
    }
  } else if (event.is_system() && !request_.include_system) {
    return false;
  }
  if (!request_.types.empty() &&
      std::ranges::find(request_.types, view.type) == request_.types.end()) {
    return false;
  }
  const auto* const query = std::get_if<Query>(&request_.selector);
  if (query != nullptr && !query->matches_with_system(view)) return false;
  return view.stream.starts_with(request_.stream_prefix);
}

Result<void> LogCursor::take(const LocatedEvent& located) {
  --remaining_;
  if (!request_.copy) {
    batch_.push_back(located.event.view);
    return {};
  }
  const auto* from = located.event.view.stream.data() - kEventHeaderBytes;
  const auto length = located.event.length;
  // NOLINTNEXTLINE(modernize-avoid-c-arrays): a buffer that is not zeroed first
  auto& copy = copies_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(length));
  std::memcpy(copy.get(), from, length);
  batch_bytes_ += length;
  StoredEvent again;
  if (const Defect defect = decode_event({copy.get(), length}, located.segment->seed(), again)) {
    return std::unexpected(Error{.code = ErrorCode::Corruption,
                                 .message = located.segment->path() + " at byte " +
                                            std::to_string(located.offset) + ": " + defect});
  }
  auto& view = batch_.emplace_back(again.view);
  view.position = located.event.view.position;
  view.recorded_at = located.event.view.recorded_at;
  return {};
}

}  // namespace eventstore::log
