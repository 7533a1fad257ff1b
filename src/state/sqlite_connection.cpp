#include "state/sqlite_connection.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "core/pause.hpp"
namespace eventstore::state {
namespace {

// Steps of SQLite's virtual machine between two looks at the clock: some 0.1 ms.
constexpr int kStepsBetweenLooks = 10'000;

// Texts that are kept prepared. A program has few; one that puts values into its texts has many.
constexpr std::size_t kPreparedMax = 512;

// In a write-ahead log readers and the one writer do not wait for each other. FULL: a commit is
// synced to the disk before it returns (SQLite's documentation, "PRAGMA synchronous"). The writer
// keeps 32 MiB of pages in memory, and moves what is in the log to its place after 16 MiB (of pages
// of 4 KiB), not after 4: less of what changes often is read and written again and again.
constexpr const char* kForWriting =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
    "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096;";
constexpr const char* kForReading = "PRAGMA query_only = ON;";

ErrorCode code_of(int result) {
  switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
      return ErrorCode::DeadlineExceeded;
    case SQLITE_FULL:
      return ErrorCode::NoSpace;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorCode::ReadOnly;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::Corruption;
    case SQLITE_NOMEM:
      return ErrorCode::OutOfResources;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      return ErrorCode::Io;
    default:
      return ErrorCode::InvalidArgument;  // the statement, or what it was given
  }
}

Error error_of(sqlite3* handle) {
  return {.code = code_of(::sqlite3_extended_errcode(handle)),
          .message = std::string("the state database (SQLite): ") + ::sqlite3_errmsg(handle)};
}

SqlValue value_at(sqlite3_stmt* statement, int column) {
  const auto bytes = [&](const void* begin) {
    const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement, column));
    return size == 0 ? std::string() : std::string(static_cast<const char*>(begin), size);
  };
  switch (::sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{::sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return ::sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes(::sqlite3_column_text(statement, column));
    case SQLITE_BLOB:
      return SqlBlob{bytes(::sqlite3_column_blob(statement, column))};
    default:
      return {};
  }
}

// Parameters live until the statement is reset. SQLite takes a null pointer for NULL.
int bind_value(sqlite3_stmt* statement, int index, const SqlParameter& parameter) {
  struct Binder {
    sqlite3_stmt* statement;
    int index;
    int operator()(std::monostate) const { return ::sqlite3_bind_null(statement, index); }
    int operator()(std::int64_t value) const {
      return ::sqlite3_bind_int64(statement, index, value);
    }
    int operator()(double value) const { return ::sqlite3_bind_double(statement, index, value); }
    int operator()(std::string_view value) const {
      return ::sqlite3_bind_text64(statement, index, value.empty() ? "" : value.data(),
                                   value.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    int operator()(SqlBlobView value) const {
      return ::sqlite3_bind_blob64(statement, index, value.bytes.empty() ? "" : value.bytes.data(),
                                   value.bytes.size(), SQLITE_STATIC);
    }
  };
  return std::visit(Binder{statement, index}, parameter);
}

}  // namespace

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  ::sqlite3_finalize(statement);
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path, Mode mode,
                                                                 Clock& clock) {
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (mode == Mode::ReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* handle = nullptr;
  const int result = ::sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (handle == nullptr) {
    return std::unexpected(Error{.code = ErrorCode::OutOfResources,
                                 .message = "no memory for a connection to the state database"});
  }
  std::unique_ptr<SqliteConnection> opened(new SqliteConnection(handle, clock));
  if (result != SQLITE_OK) {
    auto error = error_of(handle);
    error.message += ": " + path;
    return std::unexpected(std::move(error));
  }
  ::sqlite3_extended_result_codes(handle, 1);
  ::sqlite3_progress_handler(handle, kStepsBetweenLooks, &is_over, opened.get());
  // Another process may be making the file as well.
  opened->set_deadline(clock.monotonic_now() + std::chrono::seconds(10));
  // SQLite opens a file for reading where it may not write to it.
  if (mode == Mode::Write && ::sqlite3_db_readonly(handle, "main") == 1) {
    return std::unexpected(
        Error{.code = ErrorCode::ReadOnly,
              .message = "the state database (SQLite) may not be written to: " + path});
  }
  const auto* const settings = mode == Mode::Write ? kForWriting : kForReading;
  if (auto set = opened->run_script(settings); !set) return std::unexpected(std::move(set).error());
  return opened;
}

SqliteConnection::~SqliteConnection() {
  statements_.clear();
  ::sqlite3_close(handle_);
}

// SQLite's own waiting sleeps for up to 0.1 s, and misses the moments in which a busy writer lets
// others in.
int SqliteConnection::wait_for_others(void* self, int tries) {
  if (is_over(self) != 0) return 0;
  wait_out(std::chrono::milliseconds(std::min(1 + tries / 16, 5)), {});
  return 1;
}

int SqliteConnection::is_over(void* self) {
  const auto& connection = *static_cast<SqliteConnection*>(self);
  return connection.clock_.monotonic_now() >= connection.deadline_ ? 1 : 0;
}

void SqliteConnection::set_deadline(Deadline deadline) {
  deadline_ = deadline;
  ::sqlite3_busy_handler(handle_, wait_for_others, this);
}

bool SqliteConnection::is_in_transaction() const {
  return ::sqlite3_get_autocommit(handle_) == 0;
}

Result<const SqliteConnection::Statement*> SqliteConnection::prepare(std::string_view sql) {
  const auto known = statements_.find(std::string(sql));
  if (known != statements_.end()) return &known->second;
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  if (::sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &made, &rest) != SQLITE_OK) {
    return std::unexpected(error_of(handle_));
  }
  Statement statement{.handle = std::unique_ptr<sqlite3_stmt, Finalize>(made), .places = {}};
  if (made == nullptr || rest != sql.data() + sql.size()) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "not one statement of SQL: " + std::string(sql)});
  }
  // $1 and so on are names to SQLite, which numbers them as they come.
  const int count = ::sqlite3_bind_parameter_count(made);
  for (int index = 1; index <= count; ++index) {
    const char* name = ::sqlite3_bind_parameter_name(made, index);
    const auto number = name == nullptr ? 0 : std::strtoul(name + 1, nullptr, 10);
    if (number == 0) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = std::string("a parameter is $ and a number from 1 on, not ") +
                           (name == nullptr ? "?" : name)});
    }
    statement.places.push_back(number - 1);
  }
  if (statements_.size() >= kPreparedMax) statements_.clear();
  return &statements_.emplace(sql, std::move(statement)).first->second;
}

Result<void> SqliteConnection::bind(const Statement& statement,
                                    std::span<const SqlParameter> parameters) {
  int index = 0;
  for (const auto place : statement.places) {
    if (place >= parameters.size()) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = "there is nothing for the parameter $" + std::to_string(place + 1)});
    }
    if (bind_value(statement.handle.get(), ++index, parameters[place]) != SQLITE_OK) {
      return std::unexpected(error_of(handle_));
    }
  }
  return {};
}

Result<SqlRows> SqliteConnection::step_all(sqlite3_stmt* statement) {
  const int columns = ::sqlite3_column_count(statement);
  std::vector<SqlValue> values;
  const auto before = ::sqlite3_total_changes64(handle_);
  for (;;) {
    const int result = ::sqlite3_step(statement);
    if (result == SQLITE_DONE) break;
    if (result != SQLITE_ROW) return std::unexpected(error_of(handle_));
    for (int column = 0; column < columns; ++column) values.push_back(value_at(statement, column));
  }
  const auto changed = static_cast<std::uint64_t>(::sqlite3_total_changes64(handle_) - before);
  return SqlRows(static_cast<std::size_t>(columns), std::move(values), changed);
}

Result<SqlRows> SqliteConnection::run(std::string_view sql,
                                      std::span<const SqlParameter> parameters) {
  const auto prepared = prepare(sql);
  if (!prepared) return std::unexpected(prepared.error());
  auto* const statement = (*prepared)->handle.get();
  auto bound = bind(**prepared, parameters);
  auto rows = bound ? step_all(statement) : std::unexpected(std::move(bound).error());
  ::sqlite3_reset(statement);
  ::sqlite3_clear_bindings(statement);
  return rows;
}

Result<std::uint64_t> SqliteConnection::run_each(std::string_view sql,
                                                 std::span<const std::vector<SqlParameter>> rows) {
  std::uint64_t changed = 0;
  for (const auto& row : rows) {
    const auto done = run(sql, row);
    if (!done) return std::unexpected(done.error());
    changed += done->changed();
  }
  return changed;
}

Result<void> SqliteConnection::run_script(std::string_view script) {
  if (::sqlite3_exec(handle_, std::string(script).c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    return std::unexpected(error_of(handle_));
  }
  return {};
}

}  // namespace eventstore::state
