#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/state.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace eventstore::state {

// A connection to an SQLite database, whose commits are on the disk when they return.
//
// Ownership: borrows the clock.
// Threads:   one at a time.
class SqliteConnection {
 public:
  enum class Mode : std::uint8_t {
    Write,     // makes the file where there is none
    Read,      // may not write; for a reader beside writers of the same process
    ReadOnly,  // the file is opened for reading alone
  };

  // `path` may be ":memory:". Fails with Io, ReadOnly, Corruption or NoSpace.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path, Mode mode,
                                                        Clock& clock);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // What is under way then fails with DeadlineExceeded, and does not wait for other processes for
  // longer.
  void set_deadline(Deadline deadline);

  // As StateTransaction's. Statements with the same text are prepared once.
  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters = {});
  Result<std::uint64_t> run_each(std::string_view sql,
                                 std::span<const std::vector<SqlParameter>> rows);
  Result<void> run_script(std::string_view script);

  // Whether a transaction is open: some failures end it.
  bool is_in_transaction() const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct Statement {
    std::unique_ptr<sqlite3_stmt, Finalize> handle;
    // Which of the values that run() is given each of its parameters is, from 0.
    std::vector<std::size_t> places;
  };

  SqliteConnection(sqlite3* handle, Clock& clock) : handle_(handle), clock_(clock) {}
  static int is_over(void* self);
  static int wait_for_others(void* self, int tries);
  Result<const Statement*> prepare(std::string_view sql);
  Result<void> bind(const Statement& statement, std::span<const SqlParameter> parameters);
  Result<SqlRows> step_all(sqlite3_stmt* statement);

  sqlite3* handle_;
  Clock& clock_;
  Deadline deadline_ = Deadline::max();
  std::unordered_map<std::string, Statement> statements_;  // by text
};

}  // namespace eventstore::state
