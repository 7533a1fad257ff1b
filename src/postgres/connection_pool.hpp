#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/thread_annotations.hpp"
#include "postgres/backoff.hpp"
#include "postgres/connection.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Connections for reads: at most so many at once, made when they are needed, looked at before they
// are handed out.
//
// Threads: safe from any thread.
class ConnectionPool {
 public:
  explicit ConnectionPool(const StoreSettings& settings) : settings_(settings) {}

  // What `ask` makes of a connection. Where the connection is lost meanwhile, or the server is not
  // there for now, it is asked again on another, until the deadline: `ask` changes nothing, or
  // nothing that may not be done twice. Fails with TimedOut where no connection became free.
  template <typename Ask>
  auto with_connection(Deadline deadline, const Ask& ask)
      -> decltype(ask(std::declval<Connection&>())) {
    Backoff backoff(*settings_.environment.random, settings_.stop);
    for (;;) {
      auto taken = take(deadline);
      if (!taken) {
        if (taken.error().is_passing() && backoff.wait(deadline)) continue;
        return std::unexpected(std::move(taken).error());
      }
      auto answer = ask(**taken);
      // Where it is the server that will not do, another connection may lead to one that does.
      if (!answer && answer.error().found) taken->reset();
      give_back(*std::move(taken));
      if (answer || !answer.error().is_passing() || !backoff.wait(deadline)) return answer;
    }
  }

 private:
  Answer<std::unique_ptr<Connection>> take(Deadline deadline);
  void give_back(std::unique_ptr<Connection> connection);

  const StoreSettings& settings_;
  Mutex mutex_;
  std::condition_variable_any freed_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mutex_);
  std::size_t in_use_ GUARDED_BY(mutex_) = 0;
};

}  // namespace eventstore::postgres
