#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "eventstore/state.hpp"

namespace eventstore::test {

// A state database whose process dies at one of its calls: that call and all later ones fail, and
// nothing of an open transaction is committed. Or it hangs at one, as a process does that is
// paused, and goes on when it is let go.
//
// Ownership: borrows the database below. Transactions must not outlive it.
// Threads:   safe from any thread.
class FaultedState final : public StateDatabase {
 public:
  enum class When : std::uint8_t {
    Before,  // the call is not done
    After,   // it is, but nobody hears of it
  };
  struct Fault {
    std::uint64_t call = 0;  // 1 is the first
    When when = When::Before;
    // Only that call fails, as where a connection is lost; after a commit nobody knows of it.
    bool passes = false;
  };

  // Its clock is `ahead` of the database's, as if so long had passed: leases run out.
  explicit FaultedState(StateDatabase& below, std::chrono::hours ahead = {})
      : below_(below), ahead_(ahead) {}
  ~FaultedState() override;

  void die_at(Fault fault);
  // The first call that begins a transaction from this one on hangs until let_go().
  void hang_at(std::uint64_t call);
  // Waits until it hangs. False: it took too long.
  bool wait_until_it_hangs();
  void let_go();

  std::uint64_t calls() const;
  bool has_died() const;
  // A fault that passes has come.
  bool has_failed() const;

  Result<std::unique_ptr<StateTransaction>> begin(Deadline deadline) override;
  Result<std::unique_ptr<StateTransaction>> begin_read(Deadline deadline) override;

 private:
  class Transaction;
  // How the call fails, before it is done or after.
  struct Fate {
    std::optional<Error> before = {};
    std::optional<Error> after = {};
  };
  Fate next_call(bool begins);
  template <typename Call>
  auto call(const Call& make, bool begins = false) -> decltype(make());

  StateDatabase& below_;
  const std::chrono::hours ahead_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::uint64_t calls_ = 0;
  std::optional<Fault> fault_;
  std::optional<std::uint64_t> hang_at_;
  bool hangs_ = false;
  bool is_let_go_ = false;
  bool has_died_ = false;
  bool has_failed_ = false;
};

}  // namespace eventstore::test
