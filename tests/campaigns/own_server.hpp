#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "campaigns/child_process.hpp"

namespace eventstore::test {

// A PostgreSQL server of a campaign's own, to be crashed and started again. Its folder goes with
// this process, however that ends.
class OwnServer {
 public:
  // Makes it and starts it, to take so many connections. Throws Violation.
  explicit OwnServer(unsigned connections_max = 40);
  ~OwnServer();
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;

  int port() const { return port_; }
  // Of the database `postgres`, by way of a port of this host.
  static std::string uri(int port);

  // Ends it at once, as if the machine lost power (but for the page cache).
  void crash();
  // Starts it where it does not run; returns once it answers. It ends with the thread that starts
  // it.
  void start();
  const std::filesystem::path& folder() const { return folder_; }

 private:
  bool becomes_ready();

  const unsigned connections_max_;
  std::filesystem::path folder_;
  int guard_ = -1;  // whoever holds the other end removes the folder when this one is closed
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

// pgbouncer in front of a server, in transaction mode.
class OwnPooler {
 public:
  static bool is_there();
  explicit OwnPooler(const OwnServer& server);
  int port() const { return port_; }

 private:
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace eventstore::test
