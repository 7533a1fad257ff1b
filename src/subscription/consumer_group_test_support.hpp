#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/consumer_group.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"
#include "subscription/subscription_test_support.hpp"
#include "support/engines.hpp"
#include "support/forwarding_transaction.hpp"

namespace eventstore::test {

// The state database as a process sees it that may lose it: `goes` says what a call meets.
class FlakyState final : public StateDatabase {
 public:
  enum class Goes : std::uint8_t {
    Well,
    Nowhere,         // nothing reaches the database
    WithoutAnswers,  // commits are made, and their outcome is unknown
    HalfUnanswered,  // of every other commit
  };

  explicit FlakyState(StateDatabase& real) : real_(real) {}

  std::atomic<Goes> goes = Goes::Well;

  Result<std::unique_ptr<StateTransaction>> begin(Deadline deadline) override {
    if (goes == Goes::Nowhere) return std::unexpected(unreachable());
    auto begun = real_.begin(deadline);
    if (!begun) return begun;
    return std::make_unique<Transaction>(*this, *std::move(begun));
  }
  Result<std::unique_ptr<StateTransaction>> begin_read(Deadline deadline) override {
    if (goes == Goes::Nowhere) return std::unexpected(unreachable());
    return real_.begin_read(deadline);
  }

 private:
  class Transaction final : public ForwardingTransaction {
   public:
    Transaction(FlakyState& state, std::unique_ptr<StateTransaction> real)
        : ForwardingTransaction(std::move(real)), state_(state) {}
    Result<void> commit() override {
      if (state_.goes == Goes::Nowhere) return std::unexpected(unreachable());
      auto done = ForwardingTransaction::commit();
      const bool is_other = state_.commits_++ % 2 == 1;
      const bool is_unanswered =
          state_.goes == Goes::WithoutAnswers || (state_.goes == Goes::HalfUnanswered && is_other);
      if (!done || !is_unanswered) return done;
      return std::unexpected(
          Error{.code = ErrorCode::OutcomeUnknown, .message = "the test kept the answer"});
    }

   private:
    FlakyState& state_;
  };

  static Error unreachable() {
    return {.code = ErrorCode::Unavailable, .message = "the test let no call through"};
  }

  StateDatabase& real_;
  std::atomic<std::uint64_t> commits_ = 0;
};

// A store with a group "g", and processes that take part in it.
class GroupTest : public EngineTest {
 protected:
  // What one process has.
  struct Process {
    explicit Process(EventStore& store, StateDatabase& real)
        : state(real), subscriptions(store), groups(subscriptions, state) {}
    FlakyState state;
    Subscriptions subscriptions;
    ConsumerGroups groups;
  };

  ~GroupTest() override {
    process_.reset();
    state_.reset();
  }

  StateDatabase& state() {
    if (state_ == nullptr) {
      store();
      state_ = value_of(open_state(url()));
    }
    return *state_;
  }
  std::unique_ptr<Process> new_process() { return std::make_unique<Process>(store(), state()); }
  Process& process() {
    if (process_ == nullptr) process_ = new_process();
    return *process_;
  }
  ConsumerGroups& groups() { return process().groups; }
  void create(const ConsumerGroupSettings& settings = {}) {
    EXPECT_TRUE(value_of(groups().create("g", settings)));
  }
  std::unique_ptr<GroupMember> join() { return value_of(groups().join("g", "worker")); }

  // The position of the event.
  std::uint64_t append(const std::string& stream) {
    return value_of(store().append(append_to(stream))).last_position.value;
  }

  // Those that went to the parking place, as position:attempts, a '*' where it is to be replayed.
  std::vector<std::string> parked() {
    std::vector<std::string> found;
    for (const auto& event : value_of(groups().parked("g"))) {
      found.push_back(std::to_string(event.position.value) + ':' + std::to_string(event.attempts) +
                      (event.is_to_be_replayed ? "*" : ""));
    }
    return found;
  }
  // Buckets that anybody has, by what is stored.
  std::vector<std::uint32_t> shares() {
    std::vector<std::uint32_t> found;
    for (const auto& member : value_of(groups().status("g")).members) {
      found.push_back(member.buckets);
    }
    return found;
  }

 private:
  std::unique_ptr<StateDatabase> state_;
  std::unique_ptr<Process> process_;
};

// Looks again and again, for a minute at most.
template <typename Condition>
bool eventually(const Condition& holds) {
  const auto deadline = soon();
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// Whichever delivery of the event is out.
inline DeliveryId at(std::uint64_t position) {
  return {.position = {position}};
}
inline DeliveryId at(GlobalPosition position) {
  return {.position = position};
}

// The position of the next delivery; with `attempt`, of that attempt.
inline std::uint64_t take(GroupMember& member, std::uint32_t attempt = 1) {
  const auto delivery = value_of(member.next(soon()));
  EXPECT_EQ(delivery.attempt, attempt) << "of position " << delivery.event.position.value;
  return delivery.event.position.value;
}

// Whether nothing is delivered for a while.
inline bool has_nothing(GroupMember& member) {
  const auto delivery = member.next(in(std::chrono::milliseconds(100)));
  return !delivery && delivery.error().code == ErrorCode::DeadlineExceeded;
}

}  // namespace eventstore::test
