#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/seeded_random.hpp"
#include "postgres/connection.hpp"
#include "postgres/self_test_progress.hpp"

namespace eventstore::postgres {

// What else goes on at a server while a self-test writes: transactions that hold an id for long, in
// the database of the store and in another; old snapshots; transactions that take the lock which
// gives positions, and roll back; and sessions of the store that are ended.
//
// Threads: run() once, in a thread of its own.
class SelfTestDisturber {
 public:
  struct Settings {
    std::string uri;        // of the store's database
    std::string other_uri;  // of another one; empty: none
    std::string schema;     // quoted
    // Of the sessions that may be ended.
    std::string application_name;
    std::uint64_t seed = 0;
    std::uint64_t events_between = 500;  // from one disturbance to the next
  };

  SelfTestDisturber(Settings settings, SelfTestProgress& progress)
      : settings_(std::move(settings)), progress_(progress), random_(settings_.seed) {}

  // Until the progress is over.
  void run();

 private:
  using Session = std::unique_ptr<Connection>;

  Session session_of(const std::string& uri);
  void open_long_transaction(Session& held, const std::string& uri, const char* what);
  void take_lock_and_roll_back();
  void end_a_session();

  const Settings settings_;
  SelfTestProgress& progress_;
  SeededRandom random_;
  Session here_;       // with a transaction id
  Session elsewhere_;  // the same, in another database
  Session snapshot_;
};

}  // namespace eventstore::postgres
