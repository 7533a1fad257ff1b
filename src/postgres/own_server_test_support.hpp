#pragma once

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/thread_annotations.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "postgres/connection.hpp"
#include "support/own_server.hpp"
#include "support/store_access.hpp"

namespace eventstore::postgres {

inline Deadline soon(std::chrono::milliseconds time = std::chrono::seconds(60)) {
  return std::chrono::steady_clock::now() + time;
}

inline std::unique_ptr<Connection> connect_to(const std::string& uri) {
  auto opened = Connection::open({.uri = uri, .application_name = "test"}, soon());
  if (!opened) throw std::runtime_error(opened.error().message);
  return *std::move(opened);
}

// The one value that a statement gives, which is text, in a session of its own.
inline std::string value_at(const std::string& uri, std::string_view sql) {
  const auto rows = connect_to(uri)->run({.sql = sql}, soon());
  if (!rows) throw std::runtime_error(std::string(sql) + ": " + rows.error().message);
  return rows->empty() ? "" : std::string(rows->text(0, 0));
}

inline void execute_at(const std::string& uri, const std::string& script) {
  const auto done = connect_to(uri)->run_script(script, soon());
  if (!done) throw std::runtime_error(script + ": " + done.error().message);
}

// Asks again while the answer is one of `passing`, as it may be where a store is less patient than
// the machine is slow.
template <typename Ask>
auto ask_while(std::initializer_list<ErrorCode> passing, const Ask& ask) {
  const auto deadline = soon();
  for (;;) {
    auto answer = ask();
    if (answer || std::ranges::find(passing, answer.error().code) == passing.end() ||
        std::chrono::steady_clock::now() >= deadline) {
      return answer;
    }
  }
}

// What it gives once there is an answer in time.
template <typename Ask>
auto value_in_time(const Ask& ask) {
  return test::value_of(ask_while({ErrorCode::Unavailable, ErrorCode::DeadlineExceeded}, ask));
}

// Waits until a new session gets that answer.
inline void wait_for_value(const std::string& uri, std::string_view sql, std::string_view value) {
  const auto deadline = soon();
  while (value_at(uri, sql) != value) {
    if (std::chrono::steady_clock::now() >= deadline) {
      throw std::runtime_error(std::string(sql) + " never gives " + std::string(value));
    }
  }
}

// Changes a setting of the server, as its administrator does.
inline void set_up(const std::string& uri, const std::string& setting, const std::string& value) {
  execute_at(uri, "ALTER SYSTEM SET " + setting + " = '" + value + "'");
  execute_at(uri, "SELECT pg_reload_conf()");
  wait_for_value(uri, "SELECT current_setting('" + setting + "')", value);
}

// The sessions of stores are ended, and gone.
inline void end_sessions(const std::string& uri) {
  const auto sql =
      "SELECT count(pg_terminate_backend(pid, 10000))::text FROM pg_stat_activity"
      " WHERE application_name = 'event-store'";
  static_cast<void>(value_at(uri, sql));
}

// What a store tells whoever opened it.
//
// Threads: safe from any thread.
class Notices {
 public:
  OpenOptions options(bool read_only = false) {
    register_postgres_engine();
    OpenOptions options;
    options.read_only = read_only;
    options.on_notice = [this](const Notice& notice) {
      const MutexLock lock(mutex_);
      messages_.push_back(notice.message);
    };
    return options;
  }
  // How many have that in them.
  std::size_t count(std::string_view text) {
    const MutexLock lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(
        messages_, [&](const auto& message) { return message.find(text) != std::string::npos; }));
  }
  // The same, once there is one: a thread of the store's may give it a moment after what it tells.
  std::size_t wait_for(std::string_view text) {
    const auto deadline = soon();
    while (count(text) == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return count(text);
  }

 private:
  Mutex mutex_;
  std::vector<std::string> messages_ GUARDED_BY(mutex_);
};

}  // namespace eventstore::postgres
