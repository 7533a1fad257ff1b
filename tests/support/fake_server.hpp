#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace eventstore::test {

// Takes connections on loopback in a server's place, and never says more to a client than one and
// the same answer to the first that it says; or nothing at all, as where a machine hangs.
//
// Threads: safe from any thread.
class FakeServer {
 public:
  explicit FakeServer(std::string answer = {});
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  // The answer of a PostgreSQL server that refuses a connection.
  static std::string refusal(const std::string& sqlstate, const std::string& message);

  int port() const { return port_; }
  // How many clients have come.
  std::size_t clients() const { return clients_; }

 private:
  void run();

  const std::string answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<std::size_t> clients_ = 0;
  std::vector<int> silent_;  // connections to whom nothing is said; the thread's
  std::jthread thread_;
};

}  // namespace eventstore::test
