#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/seeded_random.hpp"
#include "core/thread_annotations.hpp"
#include "support/tcp_proxy.hpp"

namespace eventstore::test {

// A proxy that lets something happen to a store's connections at chosen messages, over and over.
//
// Threads: safe from any thread.
class FaultyProxy {
 public:
  enum class Where : std::uint8_t {
    AnyMessage,    // the n-th message of a client
    CommitSent,    // right behind the batch that commits
    CommitAnswer,  // as the answer to that is to come back
  };

  FaultyProxy(int server_port, std::uint64_t seed);

  int port() const { return proxy_.port(); }
  TcpProxy& tcp() { return proxy_; }
  std::uint64_t attempts() const { return proxy_.attempts(); }

  // The connection is cut so often, at messages `where` says.
  void cut(Where where, std::uint64_t times) EXCLUDES(mutex_);
  // The n-th message from now on waits; see wait_for_held().
  void hold_at(std::uint64_t message) EXCLUDES(mutex_);
  // The server's process behind the connection whose message waits; absent where `is_over` came to
  // be true before one did. Who makes that true calls wake().
  std::optional<int> wait_for_held(const std::function<bool()>& is_over) EXCLUDES(mutex_);
  void release() EXCLUDES(mutex_);
  void wake() EXCLUDES(mutex_);
  // Nothing more happens.
  void calm() EXCLUDES(mutex_);

  std::uint64_t cuts() EXCLUDES(mutex_);
  std::uint64_t answers_lost() EXCLUDES(mutex_);  // cuts behind or after a commit

 private:
  struct Session {
    int process = 0;
    bool is_free = false;  // it is no transaction's
    std::map<std::string, std::string, std::less<>> statements = {};
    std::string bound = {};
    bool commits = false;    // the batch that is being sent
    bool committed = false;  // the batch that was sent
  };

  TcpProxy::Action decide(const TcpProxy::Message& message) EXCLUDES(mutex_);
  TcpProxy::Action decide_server(const TcpProxy::Message& message, Session& session)
      REQUIRES(mutex_);
  static void follow(const TcpProxy::Message& message, Session& session);
  TcpProxy::Action cut_now(bool lost_answer, TcpProxy::Action action) REQUIRES(mutex_);

  Mutex mutex_;
  std::condition_variable_any changed_;
  SeededRandom random_ GUARDED_BY(mutex_);
  Where where_ GUARDED_BY(mutex_) = Where::AnyMessage;
  std::uint64_t cuts_left_ GUARDED_BY(mutex_) = 0;
  std::uint64_t until_cut_ GUARDED_BY(mutex_) = 0;   // messages, or commits
  std::uint64_t until_hold_ GUARDED_BY(mutex_) = 0;  // messages; 0: none is to be held
  std::optional<std::pair<std::uint64_t, std::uint64_t>> held_ GUARDED_BY(mutex_);
  std::uint64_t cuts_ GUARDED_BY(mutex_) = 0;
  std::uint64_t answers_lost_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Session> sessions_ GUARDED_BY(mutex_);
  TcpProxy proxy_;  // the last to be made
};

}  // namespace eventstore::test
