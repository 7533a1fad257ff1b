#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/child_process.hpp"

namespace eventstore::test {

// A PostgreSQL server of a test's own, to be weakened, crashed, copied and started again. It and
// its folder go with this process, however that ends.
//
// Errors: std::runtime_error is thrown where a program of PostgreSQL fails.
// Threads: one at a time.
class OwnServer {
 public:
  struct Settings {
    std::vector<std::string> options = {};  // of each start: "fsync=off"
    // A standby of that server, which takes what that one writes; null: a primary.
    const OwnServer* standby_of = nullptr;
    // The folder `small` of folder() is a file system of so many bytes, where there can be a
    // tablespace, and empty after each start; 0: there is none.
    std::uint64_t small_bytes = 0;
  };

  // Makes it and starts it.
  OwnServer() : OwnServer(Settings{}) {}
  explicit OwnServer(Settings settings);
  ~OwnServer();
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;

  int port() const { return port_; }
  // Of the database `postgres`, by way of a port of this host.
  static std::string uri(int port);
  std::string uri() const { return uri(port_); }
  // The name that a standby goes by with its primary.
  std::string name() const { return "standby_" + std::to_string(port_); }

  // Ends it at once, as if the machine lost power (but for the page cache).
  void crash();
  // Starts it where it does not run; returns once it answers. It ends with the thread that starts
  // it.
  void start();
  // Starts it where it does not run, and does not wait for it.
  void begin_to_start();
  // Makes a primary of a standby; returns once it takes writes.
  void promote();
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::vector<std::string> command() const;
  void make_data();
  bool becomes_ready();

  Settings settings_;
  std::filesystem::path folder_;
  int guard_ = -1;  // whoever holds the other end removes the folder when this one is closed
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

// pgbouncer in front of a server.
class OwnPooler {
 public:
  static bool is_there();
  explicit OwnPooler(const OwnServer& server, const std::string& mode = "transaction");
  int port() const { return port_; }

 private:
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace eventstore::test
