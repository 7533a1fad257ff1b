#include "postgres/connection_pool.hpp"

#include "postgres/history.hpp"

namespace eventstore::postgres {

Answer<std::unique_ptr<Connection>> ConnectionPool::take(Deadline deadline) {
  auto& history = *settings_.history;
  if (auto lost = history.failure()) {
    return std::unexpected(Failure{.message = lost->message, .found = std::move(lost)});
  }
  {
    MutexLock lock(mutex_);
    while (idle_.empty() && in_use_ >= settings_.connections_max) {
      if (freed_.wait_until(lock, deadline) == std::cv_status::timeout) {
        return std::unexpected(Failure{.kind = Failure::Kind::TimedOut,
                                       .message = "all " +
                                                  std::to_string(settings_.connections_max) +
                                                  " connections of the store were in use"});
      }
    }
    ++in_use_;
    while (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->is_usable()) return connection;
    }
  }
  auto made = Connection::open(settings_.connection, deadline, settings_.stop);
  if (made) {
    if (auto admitted = history.admit_reader(**made, deadline); !admitted) {
      made = std::unexpected(std::move(admitted).error());
    }
  }
  if (!made) give_back(nullptr);
  return made;
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  const MutexLock lock(mutex_);
  --in_use_;
  if (connection != nullptr && !connection->is_lost()) idle_.push_back(std::move(connection));
  freed_.notify_one();
}

}  // namespace eventstore::postgres
