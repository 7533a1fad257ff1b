#include "postgres/postgres_state.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include "postgres/migrations.hpp"
#include "postgres/sql_values.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kBegin = "BEGIN";
constexpr const char* kBeginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
constexpr const char* kNow = "SELECT clock_timestamp()";
// The first number is "EVSL".
constexpr const char* kLock = "SELECT pg_advisory_xact_lock(x'4556534c'::int, hashtext($1::text))";

// A process that hangs in a transaction keeps others from its rows for no longer. Not where a
// pooler is in between, which does not know of such settings.
std::vector<SessionSetting> session_of(const StoreUrl& url) {
  if (url.pooled) return {};
  return {{"idle_in_transaction_session_timeout", "60s"}};
}

// How many statements of run_each() are under way at once.
constexpr std::size_t kSentMax = 1000;

// SQLSTATEs of what is asked for, and not of how it goes.
bool is_of_the_statement(const Failure& failure) {
  if (failure.kind != Failure::Kind::Refused || failure.is("42501")) return false;
  for (const std::string_view type : {"0A", "21", "22", "23", "42", "44", "54", "P0"}) {
    if (failure.sqlstate.starts_with(type)) return true;
  }
  return false;
}

Error state_error(const Failure& failure) {
  if (!is_of_the_statement(failure)) return to_error(failure);
  return {.code = ErrorCode::InvalidArgument,
          .message = "the state database (PostgreSQL): " + failure.message + " (SQLSTATE " +
                     failure.sqlstate + ")"};
}

template <typename T>
Result<T> in_result(Answer<T> answer) {
  if (!answer) return std::unexpected(state_error(answer.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return *std::move(answer);
  }
}

}  // namespace

class PostgresState::Transaction final : public StateTransaction {
 public:
  Transaction(PostgresState& database, std::unique_ptr<Connection> connection, Deadline deadline)
      : database_(database), connection_(std::move(connection)), deadline_(deadline) {}

  ~Transaction() override {
    if (connection_ == nullptr) return;
    if (!connection_->is_lost()) {
      const auto deadline = std::chrono::steady_clock::now() + database_.patience_;
      const auto ended = connection_->run({.sql = "ROLLBACK"}, deadline);
      // What is in a transaction all the same is of no use to others.
      if (ended && !connection_->is_lost()) database_.give_back(std::move(connection_));
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Tells what time it is as well.
  Answer<void> start(std::string_view begin) {
    const auto path = "SET LOCAL search_path TO " + database_.schema_;
    const std::array calls = {Call{.sql = begin, .prepared = false},
                              Call{.sql = path, .prepared = false}, Call{.sql = kNow}};
    auto begun = connection_->run(calls, deadline_);
    if (!begun) return std::unexpected(std::move(begun).error());
    began_at_ = begun->back().timestamptz(0, 0);
    return {};
  }

  using StateTransaction::run;
  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) override {
    const auto rows =
        checked([&] { return connection_->run(call_of(sql, parameters), deadline_); });
    if (!rows) return std::unexpected(rows.error());
    return values_of(*rows);
  }

  Result<std::uint64_t> run_each(std::string_view sql,
                                 std::span<const std::vector<SqlParameter>> rows) override {
    std::uint64_t changed = 0;
    for (std::size_t at = 0; at < rows.size(); at += kSentMax) {
      const auto some = rows.subspan(at, std::min(kSentMax, rows.size() - at));
      std::vector<Call> calls;
      calls.reserve(some.size());
      for (const auto& row : some) calls.push_back(call_of(sql, row));
      const auto done = checked([&] { return connection_->run(calls, deadline_); });
      if (!done) return std::unexpected(done.error());
      for (const auto& answer : *done) changed += answer.affected();
    }
    return changed;
  }

  Result<void> run_script(std::string_view script) override {
    return checked([&] { return connection_->run_script(std::string(script), deadline_); });
  }

  Result<void> replace_view(std::string_view name, std::string_view select) override {
    const auto view = std::string(name) + " AS " + std::string(select);
    if (auto saved = run_script("SAVEPOINT view"); !saved) return saved;
    // The server takes it where no column is gone or of another type.
    if (connection_->run_script("CREATE OR REPLACE VIEW " + view, deadline_)) {
      return run_script("RELEASE SAVEPOINT view");
    }
    return run_script("ROLLBACK TO SAVEPOINT view; RELEASE SAVEPOINT view; DROP VIEW IF EXISTS " +
                      std::string(name) + "; CREATE VIEW " + view);
  }

  Timestamp now() const override { return *began_at_; }

  Result<void> lock(std::string_view name) override {
    const auto full = database_.schema_ + '.' + std::string(name);
    auto locked = checked([&] {
      return connection_->run({.sql = kLock, .parameters = Parameters().text(full)}, deadline_);
    });
    if (!locked) return std::unexpected(std::move(locked).error());
    return {};
  }

  std::string_view for_update() const override { return " FOR UPDATE"; }

  Result<void> commit() override {
    auto done = checked([&] { return connection_->run({.sql = "COMMIT"}, deadline_); });
    if (!done) {
      if (connection_->is_lost()) {
        return std::unexpected(Error{
            .code = ErrorCode::OutcomeUnknown,
            .message = done.error().message + "; the transaction may or may not be committed"});
      }
      return std::unexpected(std::move(done).error());
    }
    is_over_ = true;
    database_.give_back(std::move(connection_));
    return {};
  }

 private:
  template <typename Ask>
  auto checked(const Ask& ask) -> Result<typename decltype(ask())::value_type> {
    if (is_over_) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = "the transaction has been committed, or has failed before"});
    }
    auto done = in_result(ask());
    is_over_ = !done;
    return done;
  }

  PostgresState& database_;
  std::unique_ptr<Connection> connection_;
  const Deadline deadline_;
  std::optional<Timestamp> began_at_;
  bool is_over_ = false;
};

PostgresState::PostgresState(const StoreUrl& url, bool read_only)
    : settings_({.uri = url.uri,
                 .prepares = !url.pooled,
                 .application_name = "event-store state",
                 .session = session_of(url)}),
      schema_(quote_identifier(url.schema)),
      patience_(url.patience),
      read_only_(read_only) {}

Result<std::unique_ptr<PostgresState>> PostgresState::open(const StoreUrl& url,
                                                           const StateOptions& options) {
  std::unique_ptr<PostgresState> opened(new PostgresState(url, options.read_only));
  const auto deadline = std::chrono::steady_clock::now() + url.patience;
  if (auto checked = opened->check_store(deadline); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  return opened;
}

// A schema that had tables of ours alone could not become a store.
Result<void> PostgresState::check_store(Deadline deadline) {
  auto connection = take(deadline);
  if (!connection) return std::unexpected(to_error(connection.error()));
  const auto state = schema_state(**connection, schema_, deadline);
  if (!state) return std::unexpected(to_error(state.error()));
  if (state->version == 0) {
    return std::unexpected(
        Error{.code = ErrorCode::NotFound,
              .message = "there is no event store in schema " + schema_ + " of the database"});
  }
  give_back(*std::move(connection));
  return {};
}

Result<std::unique_ptr<StateTransaction>> PostgresState::begin(Deadline deadline) {
  if (read_only_) {
    return std::unexpected(
        Error{.code = ErrorCode::ReadOnly, .message = "the state database was opened read-only"});
  }
  return start(kBegin, deadline);
}

Result<std::unique_ptr<StateTransaction>> PostgresState::begin_read(Deadline deadline) {
  return start(kBeginRead, deadline);
}

Result<std::unique_ptr<StateTransaction>> PostgresState::start(std::string_view begin,
                                                               Deadline deadline) {
  // One that was idle may have been ended meanwhile; a new one tells how things are.
  for (bool is_new = false;;) {
    auto connection = take(deadline);
    if (!connection) return std::unexpected(to_error(connection.error()));
    auto transaction = std::make_unique<Transaction>(*this, *std::move(connection), deadline);
    auto started = transaction->start(begin);
    if (started) return transaction;
    if (is_new || started.error().kind != Failure::Kind::ConnectionLost) {
      return std::unexpected(to_error(started.error()));
    }
    is_new = true;
    const MutexLock lock(mutex_);
    idle_.clear();
  }
}

Answer<std::unique_ptr<Connection>> PostgresState::take(Deadline deadline) {
  for (;;) {
    std::unique_ptr<Connection> idle;
    {
      const MutexLock lock(mutex_);
      if (idle_.empty()) break;
      idle = std::move(idle_.back());
      idle_.pop_back();
    }
    if (idle->is_usable()) return idle;
  }
  return Connection::open(settings_, deadline);
}

void PostgresState::give_back(std::unique_ptr<Connection> connection) {
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(connection));
}

}  // namespace eventstore::postgres
