#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "campaigns/campaign.hpp"
#include "campaigns/known_appends.hpp"
#include "campaigns/server_faults.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/event_store.hpp"
#include "postgres/connection.hpp"
#include "support/own_server.hpp"

namespace eventstore::test {

// A store on a server of its own, reached through a faulty proxy, and clients that append to it and
// know what came of each append. It is opened once and has to go on, whatever happens.
//
// Threads: one at a time, but for what is called from within append_in_threads().
class FaultedStore {
 public:
  struct Settings {
    bool is_pooled = false;    // `port` is a pooler's
    std::string timeout = {};  // the setting of the server's that ends statements soon; or none
  };

  // In a schema of its own, dropped at the end. Throws Violation.
  FaultedStore(OwnServer& server, int port, std::uint64_t seed, const Settings& settings);
  ~FaultedStore();
  FaultedStore(const FaultedStore&) = delete;
  FaultedStore& operator=(const FaultedStore&) = delete;

  FaultyProxy& proxy() { return proxy_; }

  // Each writer makes some appends, in a thread of its own, while `meanwhile` runs in this one.
  // Throws Violation.
  void append_in_threads(const std::function<void()>& meanwhile);
  bool is_done() const { return running_ == 0; }
  std::uint64_t failures() const { return failures_; }  // that were definite
  // Both also return when is_done().
  void wait_for_failures(std::uint64_t count) const;
  // So many more attempts of the store to connect.
  void wait_for_connections(std::uint64_t count) const;

  // A session that holds the lock of the store's which gives positions.
  std::unique_ptr<postgres::Connection> take_lock() const;
  // Sessions, until the server has no room for more; at least one.
  std::vector<std::unique_ptr<postgres::Connection>> take_all_connections() const;
  // Ends the sessions of the store; how many there were.
  std::uint64_t end_sessions(postgres::Connection& by) const;

  // No more faults: each writer's next append is done; and all that was ever answered holds, by
  // this store and by one that is opened anew. Throws Violation.
  void check();
  void count(Tally& tally) const;

 private:
  static constexpr std::uint64_t kAppends = 20;  // of each writer

  void append_some(std::uint64_t writer, std::uint64_t appends, bool must_succeed);
  void append_once(AppendNumber number, bool must_succeed);
  bool note_failure(AppendNumber number, const Error& error);
  void note_done(AppendNumber number, const AppendRequest& request, const AppendResult& result);
  void append_again(AppendNumber number, AppendRequest request, const AppendResult& first);
  AppendRequest request_of(AppendNumber number) const;

  OwnServer& server_;
  const std::uint64_t seed_;
  const std::string schema_;
  FaultyProxy proxy_;
  const std::string session_name_;
  std::unique_ptr<EventStore> store_;
  std::array<std::map<std::string, StreamVersion>, kWriters> versions_;  // each its writer's

  std::atomic<std::uint64_t> running_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> unknown_ = 0;
  std::atomic<std::uint64_t> again_ = 0;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  Mutex mutex_;
  AppendLedger ledger_ GUARDED_BY(mutex_);
  std::optional<std::string> violation_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::test
