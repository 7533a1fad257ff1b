#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// What is done with an event that its consumer could not deal with.
enum class NackAction : std::uint8_t {
  Retry,  // delivered again after a pause; after attempts_max deliveries, as the group says
  Park,   // put aside, with the reason, to be looked at and replayed
  Skip,   // left out for good
  Stop,   // the group delivers nothing more until it is resumed
};

// What a consumer group is, as stored with it: the same for all of its members.
struct ConsumerGroupSettings {
  SubscriptionFilter filter = {};
  SubscriptionStart start = FromStart{};
  // Events with the same key are delivered in order, one at a time. By default the stream's name;
  // else what follows this prefix in the event's first tag that has it ("customer:" makes
  // "customer:17" the key 17), and the stream's name where no tag does.
  std::string key_tag_prefix = {};
  std::uint32_t attempts_max = 5;                // deliveries of an event, the first one included
  NackAction when_exhausted = NackAction::Park;  // not Retry
  // Pauses before an event is delivered again: from the first to the second, doubling, with jitter.
  std::chrono::milliseconds pause_min = std::chrono::milliseconds(100);
  std::chrono::milliseconds pause_max = std::chrono::minutes(1);
  // While an event is parked, later ones with the same key are parked behind it, undelivered.
  bool holds_behind_parked = false;
  // A delivery that is not answered for so long is taken for a Retry.
  std::chrono::milliseconds answer_within = std::chrono::seconds(30);
  // A member that has not been heard of for so long has left.
  std::chrono::milliseconds lease = std::chrono::seconds(10);
};

// All but the start, as one JSON object: docs/formats/state.md has its members.
std::string to_json(const ConsumerGroupSettings& settings);

// Which delivery an answer is for.
struct DeliveryId {
  GlobalPosition position;
  // As delivered; absent: whichever delivery of the event is out.
  std::optional<std::uint32_t> attempt = {};
};

// An event handed to a member.
struct GroupDelivery {
  RecordedEvent event;
  std::uint32_t attempt = 1;  // 2: for the second time, ...
  bool is_replayed = false;   // it was parked

  DeliveryId id() const { return {.position = event.position, .attempt = attempt}; }
};

// An event that was put aside.
struct ParkedEvent {
  GlobalPosition position;
  std::string stream;
  StreamVersion version;
  std::string type;
  std::string key;
  std::uint32_t attempts = 0;  // 0: it was held behind another one
  std::string last_error;
  Timestamp parked_at = {};
  bool is_to_be_replayed = false;
};

struct ConsumerGroupMember {
  std::string name;           // as it joined
  std::uint32_t buckets = 0;  // of 1,024
  Timestamp expires_at;       // unless it is heard of again
};

struct ConsumerGroupStatus {
  std::string name;
  GlobalPosition position;                  // everything up to it has been dealt with
  GlobalPosition head;                      // of the store
  std::uint64_t lag = 0;                    // events of the store in between
  std::chrono::microseconds lag_time = {};  // how long the first of them has been there
  std::uint64_t parked = 0;
  std::vector<ConsumerGroupMember> members = {};
  std::optional<std::string> stopped = {};  // why the group delivers nothing
};

// One of the consumers that share the events of a group.
//
// The keys of events are spread by a hash over 1,024 buckets, and the buckets evenly over the
// members that are there. A bucket's events are delivered in order, each at least once: one after
// the other has been answered. When members come and go, buckets move, with what has been answered.
// Answers are stored now and then (and at leave()): what was answered since may come again after a
// crash. An event that waits to be delivered again holds back the group's position.
//
// Threads: safe from any thread: any number may call next() and answer.
class GroupMember {
 public:
  GroupMember() = default;
  // Leaves.
  virtual ~GroupMember() = default;
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;

  // Waits for an event. Fails with DeadlineExceeded or Cancelled where there is none until then;
  // with Closed after leave() or where the group is stopped or removed; or as the store and the
  // state database do, after which the next call goes on.
  virtual Result<GroupDelivery> next(Deadline deadline, std::stop_token cancellation = {}) = 0;

  // Answers for a delivery of this member. False: it was answered before, or taken for lost, or the
  // bucket is another member's by now. `reason` is kept with what is parked or stopped, in UTF-8
  // and up to 8 KiB of it.
  //
  // True for an ack means that it is noted, to be stored soon; for what parks, stops, or was
  // parked, that it is stored. Such an answer fails as StateTransaction::run(), and can be given
  // again. A replayed event is parked again where it is to be retried.
  virtual Result<bool> ack(const DeliveryId& delivery) = 0;
  virtual Result<bool> nack(const DeliveryId& delivery, NackAction action,
                            std::string_view reason) = 0;

  // Delivers no more, waits for answers until `deadline`, stores what was answered, and gives the
  // buckets to the others.
  virtual Result<void> leave(Deadline deadline) = 0;

  virtual std::uint32_t bucket_count() const = 0;  // that it has at present
};

// The consumer groups of one store.
//
// Ownership: borrows the subscriptions (and their store) and the state database; outlives members.
// Threads:   safe from any thread.
class ConsumerGroups {
 public:
  static constexpr std::uint32_t kBuckets = 1024;

  ConsumerGroups(Subscriptions& subscriptions, StateDatabase& state);
  ~ConsumerGroups();
  ConsumerGroups(const ConsumerGroups&) = delete;
  ConsumerGroups& operator=(const ConsumerGroups&) = delete;

  // False: there is one of that name and with these settings, and it stays as it is. A start from
  // the end or a time is not compared: it means another place each time.
  //
  // Fails with InvalidArgument (name or settings; or there is one with others, which stays as it
  // is), or as Subscriptions::open() and StateTransaction::run().
  Result<bool> create(std::string_view name, const ConsumerGroupSettings& settings);
  // False: there was none.
  Result<bool> remove(std::string_view name);

  // `member` names the process for people to read. Fails with NotFound where there is no such
  // group.
  Result<std::unique_ptr<GroupMember>> join(std::string_view name, std::string_view member);

  Result<std::vector<ConsumerGroupStatus>> list();
  Result<ConsumerGroupStatus> status(std::string_view name);
  // As it was created; its start is the position that it began after.
  Result<ConsumerGroupSettings> settings(std::string_view name);

  // In order of their positions, from the first after `after`.
  Result<std::vector<ParkedEvent>> parked(std::string_view name, GlobalPosition after = {},
                                          std::uint64_t limit = 1000);
  // Has members deliver parked events again: those at `positions`, or all. Returns how many, each
  // counted once; what is not parked is passed over. In a group that holds events behind parked
  // ones, those of a key that fail are parked again with all that were to follow.
  Result<std::uint64_t> replay(std::string_view name, std::span<const GlobalPosition> positions);
  Result<std::uint64_t> replay_all(std::string_view name);
  // Leaves parked events out for good. Returns how many.
  Result<std::uint64_t> discard(std::string_view name, std::span<const GlobalPosition> positions);

  // After a Stop: goes on with the event that stopped it.
  Result<void> resume(std::string_view name);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eventstore
