#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "core/file_system.hpp"
#include "eventstore/open.hpp"
#include "postgres/connection.hpp"

namespace eventstore::postgres {

class History;

// What every part of an open store needs to know.
struct StoreSettings {
  ConnectionSettings connection;
  ConnectionSettings listening;  // of LISTEN; its URI is empty where there can be none
  std::string schema;            // quoted
  std::string channel_name;      // of NOTIFY
  std::string channel;           // the same, quoted
  std::uint32_t lock_key = 0;    // of the lock that gives positions: the schema's object id
  std::uint32_t connections_max = 8;
  bool read_only = false;
  bool migrates = true;  // opening it for writing brings its tables to this version
  // What is asked of the server takes so long at most, unless the caller says less.
  std::chrono::milliseconds patience = std::chrono::seconds(30);
  // A session that holds the lock in a COPY is ended once it has sent nothing for so long, at most
  // twice as long; elsewhere that takes twice the patience.
  std::chrono::milliseconds silence_max = std::chrono::seconds(5);
  // A notice tells where more of the server's queue of notifications is taken.
  std::int32_t notification_queue_percent_most = 50;
  Environment environment{};
  // For tests: what the server's clock says, in its place; absent: what it says.
  std::function<Timestamp()> server_time = {};
  // What connections of the store are held against; null where only its tables are looked after.
  History* history = nullptr;
  std::stop_token stop = {};                          // requested when the store is being closed
  std::function<void(const Notice&)> on_notice = {};  // never called concurrently

  void notify(Notice::Level level, std::string message) const {
    if (on_notice) on_notice({.level = level, .message = std::move(message)});
  }
};

// The first number of the advisory locks: "EVST". The second is StoreSettings::lock_key.
inline constexpr std::int32_t kLockClass = 0x45565354;

}  // namespace eventstore::postgres
