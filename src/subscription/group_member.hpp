#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/consumer_group.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/bucket_work.hpp"
#include "subscription/group_tables.hpp"
#include "subscription/parked_events.hpp"

namespace eventstore::subscription {

// What a member is made of. All that is borrowed outlives it.
struct GroupMemberParts {
  Subscriptions* subscriptions = nullptr;
  StateDatabase* state = nullptr;
  const Environment* environment = nullptr;
  std::string group;
  std::string group_id;
  std::string member;
  ConsumerGroupSettings settings;
  // Tells the other members in this process that something has changed for them.
  std::function<void()> tell_others;
  std::function<void()> on_end;
};

// A member of a group: BucketWork, with what it needs of the world around it.
//
// One thread reads the log for it; another, the keeper, makes a round now and then: a transaction
// that renews the membership, takes and gives buckets, and stores how far they have come. What has
// to be stored at once (parked events, stops, answers for replayed events) is stored by the thread
// that answers.
//
// Threads: safe from any thread.
class RunningGroupMember final : public GroupMember {
 public:
  explicit RunningGroupMember(GroupMemberParts parts);
  ~RunningGroupMember() override;
  RunningGroupMember(const RunningGroupMember&) = delete;
  RunningGroupMember& operator=(const RunningGroupMember&) = delete;

  // The first round, then the threads. Fails as that.
  Result<void> start();

  Result<GroupDelivery> next(Deadline deadline, std::stop_token cancellation) override;
  Result<bool> ack(const DeliveryId& delivery) override;
  Result<bool> nack(const DeliveryId& delivery, NackAction action,
                    std::string_view reason) override;
  Result<void> leave(Deadline deadline) override;
  std::uint32_t bucket_count() const override;

  // Has the keeper make a round soon.
  void kick();

 private:
  // What a round has read and decided, to be carried out in memory after its commit.
  struct Round {
    std::vector<BucketProgress> taken = {};
    std::vector<BucketProgress> given = {};
    std::vector<BucketProgress> stored = {};
    std::optional<std::set<std::string>> held_keys = {};
    std::vector<ReplayRow> replays = {};
    std::optional<std::string> stopped = {};
    std::int64_t parked_changes = 0;
    std::uint64_t answered = 0;
  };
  enum class Settlement : std::uint8_t {
    Lost,  // the bucket is another's
    Stored,
    KeyFreed,  // and nothing of the event's key is parked any more
  };
  // How a delivery was answered. No action: it was dealt with.
  struct Answer {
    std::optional<NackAction> action = {};
    std::string reason = {};
  };

  Deadline now() const { return parts_.environment->clock->monotonic_now(); }

  std::optional<Error> why_closed() const REQUIRES(mutex_);
  std::optional<GroupDelivery> deliver(Deadline at) REQUIRES(mutex_);

  // The threads.
  void read(const std::stop_token& stop);
  bool may_read() const REQUIRES(mutex_);
  Result<void> read_once(std::unique_ptr<Subscription>& subscription, const std::stop_token& stop);
  void keep(const std::stop_token& stop);
  bool wait_to_keep(const std::stop_token& stop) EXCLUDES(mutex_);
  bool has_many_answers() const REQUIRES(mutex_);
  bool is_urgent() const REQUIRES(mutex_);
  Deadline next_round() const REQUIRES(mutex_);
  Deadline next_keeping() const REQUIRES(mutex_);
  void pause_after_failure(const Error& error) EXCLUDES(mutex_);
  void note_failure(const Error& error);
  void wake_reader() EXCLUDES(mutex_);

  // Rounds. Each is a transaction, and what follows from it.
  enum class Stay : std::uint8_t { Stays, Leaves };
  Result<void> make_round(Stay stay) EXCLUDES(mutex_, storing_);
  Result<void> transact_round(StateTransaction& transaction, Stay stay, Round& round)
      REQUIRES(storing_);
  Result<MemberRow> renew(StateTransaction& transaction, Stay stay, std::size_t& quota)
      REQUIRES(storing_);
  Result<void> share_buckets(StateTransaction& transaction, MemberRow self, std::size_t quota,
                             Round& round) REQUIRES(storing_);
  Result<void> look_at_parked(StateTransaction& transaction, Round& round) REQUIRES(storing_);
  void apply(Round& round, Deadline began) REQUIRES(storing_);
  Result<void> load_replays(const std::vector<ReplayRow>& rows) REQUIRES(storing_);
  Result<std::optional<RecordedEvent>> find_event(GlobalPosition position) const;
  Result<void> park_held() EXCLUDES(mutex_, storing_);

  // Answers.
  Result<bool> answer(const DeliveryId& delivery, const Answer& answer) EXCLUDES(mutex_, storing_);
  // What becomes of the delivery: after the last attempt that is what the group says.
  std::optional<NackAction> decide(const OpenDelivery& open, const Answer& answer) const;
  bool answer_in_memory(GlobalPosition position, std::optional<NackAction> action) REQUIRES(mutex_);
  Result<bool> settle(GlobalPosition position, const Answer& answer) EXCLUDES(mutex_, storing_);
  Result<Settlement> store_answer(const ParkedEvent& event, const OpenDelivery& open,
                                  std::optional<NackAction> action) REQUIRES(storing_);
  Result<bool> store_parked(StateTransaction& transaction, const ParkedEvent& event)
      REQUIRES(storing_);
  Result<Settlement> store_replayed(StateTransaction& transaction, const ParkedEvent& event,
                                    std::optional<NackAction> action) REQUIRES(storing_);
  void apply_answer(const ParkedEvent& event, const OpenDelivery& open,
                    std::optional<NackAction> action, Settlement settlement) EXCLUDES(mutex_);
  void wake_after_answer() REQUIRES(mutex_);
  void answer_overdue();
  ParkedEvent parked_event(const RecordedEvent& event, std::uint32_t attempts,
                           std::string_view reason) const;
  Result<std::unique_ptr<StateTransaction>> begin();
  Result<void> end(bool waits, Deadline deadline);

  const GroupMemberParts parts_;
  const std::chrono::milliseconds round_every_;

  // Held while something is stored and what follows from it is done in memory: one transaction of
  // this member at a time. Taken before mutex_.
  Mutex storing_;
  std::string id_ GUARDED_BY(storing_);

  mutable Mutex mutex_;
  // Something may be there to deliver, or to tell those who wait for it.
  std::condition_variable_any delivers_;
  std::condition_variable_any reads_;
  std::condition_variable_any keeps_;
  BucketWork work_ GUARDED_BY(mutex_);
  std::stop_source reading_ GUARDED_BY(mutex_);
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  std::optional<std::string> stopped_ GUARDED_BY(mutex_);
  bool is_leaving_ GUARDED_BY(mutex_) = false;
  bool is_removed_ GUARDED_BY(mutex_) = false;
  bool is_kicked_ GUARDED_BY(mutex_) = false;
  Deadline leased_until_ GUARDED_BY(mutex_) = {};
  Deadline last_round_ GUARDED_BY(mutex_) = {};
  Deadline keeps_from_ GUARDED_BY(mutex_) = {};  // after a failure: not before that
  std::uint64_t answered_stored_ GUARDED_BY(mutex_) = 0;
  std::int64_t parked_changes_ GUARDED_BY(mutex_) = -1;

  std::jthread reader_;
  std::jthread keeper_;
};

}  // namespace eventstore::subscription
