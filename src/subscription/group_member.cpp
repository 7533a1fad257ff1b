#include "subscription/group_member.hpp"

#include <algorithm>
#include <utility>

#include "core/refusal.hpp"

namespace eventstore::subscription {
namespace {

// How long a member that goes away without leave() may take to say so.
constexpr auto kPartingTime = std::chrono::seconds(5);
// Answers after which they are stored, and how often they are otherwise.
constexpr std::uint64_t kAnswersMax = 1000;
constexpr auto kStoredEvery = std::chrono::milliseconds(1000);
constexpr auto kPauseMin = std::chrono::milliseconds(10);
constexpr auto kPauseMax = std::chrono::milliseconds(1000);

Error closed(const std::string& group, std::string_view why) {
  return {.code = ErrorCode::Closed,
          .message = "consumer group " + in_quotes(group) + ": " + std::string(why)};
}

}  // namespace

RunningGroupMember::RunningGroupMember(GroupMemberParts parts)
    : parts_(std::move(parts)),
      round_every_(parts_.settings.lease / 3),
      work_(parts_.settings, *parts_.environment->random) {}

RunningGroupMember::~RunningGroupMember() {
  // Where that fails the lease runs out, and the others go on.
  static_cast<void>(end(/*waits=*/false, now() + kPartingTime));
  if (parts_.on_end) parts_.on_end();
}

Result<void> RunningGroupMember::start() {
  if (auto made = make_round(Stay::Stays); !made) return made;
  reader_ = std::jthread([this](const std::stop_token& stop) { read(stop); });
  keeper_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
  return {};
}

Result<GroupDelivery> RunningGroupMember::next(Deadline deadline, std::stop_token cancellation) {
  MutexLock lock(mutex_);
  for (;;) {
    if (auto ended = why_closed()) return std::unexpected(*std::move(ended));
    const auto at = now();
    if (auto delivery = deliver(at)) return *std::move(delivery);
    if (failure_) return std::unexpected(*std::exchange(failure_, std::nullopt));
    if (cancellation.stop_requested()) {
      return std::unexpected(
          Error{.code = ErrorCode::Cancelled, .message = "the caller asked to stop"});
    }
    if (at >= deadline) {
      return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                   .message = "no event came until the deadline"});
    }
    // Whoever is woken looks at everything again.
    bool is_first_look = true;
    // Whoever may have lost its buckets delivers nothing until the keeper has them again.
    const auto pause_end = at < leased_until_ ? work_.next_pause_end() : std::nullopt;
    const auto until = std::min(deadline, pause_end.value_or(deadline));
    delivers_.wait_until(lock, cancellation, until,
                         [&] { return !std::exchange(is_first_look, false); });
  }
}

std::optional<Error> RunningGroupMember::why_closed() const {
  if (is_leaving_) return closed(parts_.group, "this member has left");
  if (is_removed_) return closed(parts_.group, "it was removed");
  if (stopped_) return closed(parts_.group, "it is stopped: " + *stopped_);
  return std::nullopt;
}

std::optional<GroupDelivery> RunningGroupMember::deliver(Deadline at) {
  // Its buckets may be others' by now.
  if (at >= leased_until_) return std::nullopt;
  auto delivery = work_.deliver(at);
  if (!delivery) return delivery;
  // With others out before it, the keeper wakes up for one of these first.
  if (work_.open_count() == 1) keeps_.notify_all();
  if (!work_.wants_events()) reads_.notify_all();
  return delivery;
}

Result<bool> RunningGroupMember::ack(const DeliveryId& delivery) {
  return answer(delivery, {});
}

Result<bool> RunningGroupMember::nack(const DeliveryId& delivery, NackAction action,
                                      std::string_view reason) {
  return answer(delivery, {.action = action, .reason = storable_reason(reason)});
}

std::uint32_t RunningGroupMember::bucket_count() const {
  const MutexLock lock(mutex_);
  return static_cast<std::uint32_t>(work_.bucket_count());
}

void RunningGroupMember::kick() {
  const MutexLock lock(mutex_);
  is_kicked_ = true;
  keeps_.notify_all();
}

Result<void> RunningGroupMember::leave(Deadline deadline) {
  return end(/*waits=*/true, deadline);
}

// Ends both threads, and then the membership.
Result<void> RunningGroupMember::end(bool waits, Deadline deadline) {
  {
    MutexLock lock(mutex_);
    if (is_leaving_) return {};
    is_leaving_ = true;
    delivers_.notify_all();
    while (waits && work_.open_count() > 0 && now() < deadline)
      delivers_.wait_until(lock, deadline);
  }
  wake_reader();
  for (auto* thread : {&reader_, &keeper_}) {
    thread->request_stop();
    if (thread->joinable()) thread->join();
  }
  {
    // No answer is being stored meanwhile.
    const MutexLock storing(storing_);
    const MutexLock lock(mutex_);
    // What was not answered comes again, elsewhere.
    while (const auto open = work_.first_open()) work_.retry_now(*open);
    if (is_removed_) return {};
  }
  auto left = make_round(Stay::Leaves);
  const MutexLock lock(mutex_);
  work_.drop_all();
  return left;
}

// --- The reader.

void RunningGroupMember::wake_reader() {
  const MutexLock lock(mutex_);
  reads_.notify_all();
  // Calls what waits in the subscription, which holds none of this member's locks.
  reading_.request_stop();
}

bool RunningGroupMember::may_read() const {
  return !is_leaving_ && (work_.wants_events() || work_.reread_after());
}

void RunningGroupMember::read(const std::stop_token& stop) {
  std::unique_ptr<Subscription> subscription;
  auto pause = kPauseMin;
  while (!stop.stop_requested()) {
    const auto done = read_once(subscription, stop);
    if (done) {
      pause = kPauseMin;
      continue;
    }
    const auto code = done.error().code;
    if (code == ErrorCode::Cancelled || code == ErrorCode::DeadlineExceeded) continue;
    note_failure(done.error());
    MutexLock lock(mutex_);
    reads_.wait_until(lock, stop, now() + pause, [] { return false; });
    pause = std::min(pause * 2, kPauseMax);
  }
}

Result<void> RunningGroupMember::read_once(std::unique_ptr<Subscription>& subscription,
                                           const std::stop_token& stop) {
  std::optional<GlobalPosition> after;
  std::stop_token interrupted;
  {
    MutexLock lock(mutex_);
    static_cast<void>(work_.make_room());
    reads_.wait(lock, stop, [this]() REQUIRES(mutex_) {
      return may_read() || (!is_leaving_ && work_.make_room());
    });
    if (stop.stop_requested() || is_leaving_) return {};
    after = work_.reread_after();
    if (!after && subscription == nullptr) after = work_.read_up_to();
    reading_ = std::stop_source();
    interrupted = reading_.get_token();
  }
  if (after) {
    auto opened = parts_.subscriptions->open(
        {.filter = parts_.settings.filter, .start = AfterPosition{*after}});
    if (!opened) return std::unexpected(std::move(opened).error());
    subscription = *std::move(opened);
    const MutexLock lock(mutex_);
    work_.rereads_after(*after);
  }
  const auto delivery = subscription->next(Deadline::max(), interrupted);
  if (!delivery) return std::unexpected(delivery.error());
  const MutexLock lock(mutex_);
  work_.push(delivery->events, delivery->position);
  delivers_.notify_all();
  if (is_urgent()) keeps_.notify_all();
  return {};
}

void RunningGroupMember::note_failure(const Error& error) {
  const MutexLock lock(mutex_);
  failure_ = error;
  delivers_.notify_all();
}

// --- The keeper.

bool RunningGroupMember::has_many_answers() const {
  return work_.answered_count() - answered_stored_ >= kAnswersMax;
}

bool RunningGroupMember::is_urgent() const {
  return is_kicked_ || work_.has_held_events() || has_many_answers();
}

Deadline RunningGroupMember::next_round() const {
  const bool has_answers = work_.answered_count() != answered_stored_;
  return last_round_ + (has_answers ? std::min(round_every_, kStoredEvery) : round_every_);
}

Deadline RunningGroupMember::next_keeping() const {
  const auto due = std::min(next_round(), work_.next_overdue().value_or(Deadline::max()));
  return std::max(keeps_from_, is_urgent() ? Deadline::min() : due);
}

// False: to stop.
bool RunningGroupMember::wait_to_keep(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto until = next_keeping();
    if (until <= now()) return true;
    bool is_first_look = true;
    keeps_.wait_until(lock, stop, until, [&] { return !std::exchange(is_first_look, false); });
  }
  return false;
}

void RunningGroupMember::keep(const std::stop_token& stop) {
  while (wait_to_keep(stop)) {
    answer_overdue();
    bool is_due = false;
    {
      const MutexLock lock(mutex_);
      is_due = std::exchange(is_kicked_, false) || has_many_answers() || now() >= next_round();
    }
    Result<void> done;
    if (is_due) done = make_round(Stay::Stays);
    if (done) done = park_held();
    if (!done) pause_after_failure(done.error());
  }
}

void RunningGroupMember::pause_after_failure(const Error& error) {
  note_failure(error);
  const MutexLock lock(mutex_);
  is_kicked_ = true;
  keeps_from_ = now() + std::min(round_every_ / 4, kPauseMax);
}

void RunningGroupMember::answer_overdue() {
  std::vector<GlobalPosition> late;
  {
    const MutexLock lock(mutex_);
    late = work_.overdue(now());
  }
  const Answer answer_for_late{
      .action = NackAction::Retry,
      .reason =
          "no answer within " + std::to_string(parts_.settings.answer_within.count()) + " ms"};
  for (const auto position : late) {
    auto answered = answer({.position = position}, answer_for_late);
    if (!answered) return pause_after_failure(answered.error());
  }
}

}  // namespace eventstore::subscription
