#include "state/sqlite_state.hpp"

#include <utility>

namespace eventstore::state {
namespace {

Error took_too_long() {
  return {.code = ErrorCode::DeadlineExceeded,
          .message = "another transaction of the state database took too long"};
}

}  // namespace

class SqliteState::Transaction final : public StateTransaction {
 public:
  Transaction(SqliteState& database, std::unique_ptr<SqliteConnection> connection, bool writes)
      : database_(database),
        connection_(std::move(connection)),
        writes_(writes),
        began_at_(database.clock_.wall_now()) {}

  ~Transaction() override {
    if (connection_ == nullptr) return;
    // A rollback has no time limit: what waits is this process.
    connection_->set_deadline(Deadline::max());
    if (connection_->is_in_transaction() && !connection_->run("ROLLBACK")) connection_.reset();
    database_.give_back(std::move(connection_), writes_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  using StateTransaction::run;
  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) override {
    return checked([&] { return connection_->run(sql, parameters); });
  }

  Result<std::uint64_t> run_each(std::string_view sql,
                                 std::span<const std::vector<SqlParameter>> rows) override {
    return checked([&] { return connection_->run_each(sql, rows); });
  }

  Result<void> run_script(std::string_view script) override {
    return checked([&] { return connection_->run_script(script); });
  }

  Result<void> replace_view(std::string_view name, std::string_view select) override {
    const std::string view(name);
    return run_script("DROP VIEW IF EXISTS " + view + "; CREATE VIEW " + view + " AS " +
                      std::string(select));
  }

  Timestamp now() const override { return began_at_; }

  // One transaction writes at a time.
  Result<void> lock(std::string_view) override { return {}; }
  std::string_view for_update() const override { return {}; }

  Result<void> commit() override {
    auto done = checked([&] { return connection_->run("COMMIT"); });
    if (!done) return std::unexpected(std::move(done).error());
    is_over_ = true;
    database_.give_back(std::move(connection_), writes_);  // the next need not wait
    return {};
  }

 private:
  template <typename Work>
  auto checked(const Work& work) -> decltype(work()) {
    if (is_over_) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = "the transaction has been committed, or has failed before"});
    }
    auto done = work();
    is_over_ = !done;
    return done;
  }

  SqliteState& database_;
  std::unique_ptr<SqliteConnection> connection_;
  const bool writes_;
  const Timestamp began_at_;
  bool is_over_ = false;
};

SqliteState::SqliteState(std::string path, Clock& clock, bool read_only)
    : path_(std::move(path)), clock_(clock), read_only_(read_only) {}

Result<std::unique_ptr<SqliteState>> SqliteState::open(const std::string& path, Clock& clock,
                                                       bool read_only) {
  std::unique_ptr<SqliteState> opened(new SqliteState(path, clock, read_only));
  const auto mode = read_only ? SqliteConnection::Mode::ReadOnly : SqliteConnection::Mode::Write;
  auto first = SqliteConnection::open(path, mode, clock);
  if (!first) return std::unexpected(std::move(first).error());
  opened->give_back(*std::move(first), /*writes=*/!read_only);
  return opened;
}

Result<std::unique_ptr<StateTransaction>> SqliteState::begin(Deadline deadline) {
  if (read_only_) {
    return std::unexpected(
        Error{.code = ErrorCode::ReadOnly, .message = "the state database was opened read-only"});
  }
  return start(/*writes=*/true, deadline);
}

Result<std::unique_ptr<StateTransaction>> SqliteState::begin_read(Deadline deadline) {
  return start(/*writes=*/is_in_memory(), deadline);
}

Result<std::unique_ptr<StateTransaction>> SqliteState::start(bool writes, Deadline deadline) {
  auto connection = take(writes, deadline);
  if (!connection) return std::unexpected(std::move(connection).error());
  (*connection)->set_deadline(deadline);
  auto begun = (*connection)->run(writes ? "BEGIN IMMEDIATE" : "BEGIN");
  auto transaction = std::make_unique<Transaction>(*this, *std::move(connection), writes);
  if (!begun) return std::unexpected(std::move(begun).error());
  return transaction;
}

Result<std::unique_ptr<SqliteConnection>> SqliteState::take(bool writes, Deadline deadline) {
  {
    MutexLock lock(mutex_);
    if (writes) {
      const auto ticket = next_ticket_++;
      waiting_.push_back(ticket);
      bool in_time = true;
      while ((is_writing_ || waiting_.front() != ticket) && in_time) {
        in_time = freed_.wait_until(lock, deadline) == std::cv_status::no_timeout;
      }
      const bool has_turn = !is_writing_ && waiting_.front() == ticket;
      std::erase(waiting_, ticket);
      if (!has_turn) {
        freed_.notify_all();
        return std::unexpected(took_too_long());
      }
      is_writing_ = true;
      if (writer_ != nullptr) return std::move(writer_);
    } else if (!readers_.empty()) {
      auto reader = std::move(readers_.back());
      readers_.pop_back();
      return reader;
    }
  }
  const auto mode = writes       ? SqliteConnection::Mode::Write
                    : read_only_ ? SqliteConnection::Mode::ReadOnly
                                 : SqliteConnection::Mode::Read;
  auto opened = SqliteConnection::open(path_, mode, clock_);
  if (!opened && writes) give_back(nullptr, writes);
  return opened;
}

// Null: the connection is of no use any more.
void SqliteState::give_back(std::unique_ptr<SqliteConnection> connection, bool writes) {
  const MutexLock lock(mutex_);
  if (writes) {
    writer_ = std::move(connection);
    is_writing_ = false;
    freed_.notify_all();
  } else if (connection != nullptr) {
    readers_.push_back(std::move(connection));
  }
}

}  // namespace eventstore::state
