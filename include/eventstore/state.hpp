#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// A value of SQL as it comes back: NULL, a whole number, a number, text in UTF-8, or bytes.
struct SqlBlob {
  std::string bytes;
  friend bool operator==(const SqlBlob&, const SqlBlob&) = default;
};
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string, SqlBlob>;

// The same as it goes into a statement, borrowed.
struct SqlBlobView {
  std::string_view bytes;
};
using SqlParameter =
    std::variant<std::monostate, std::int64_t, double, std::string_view, SqlBlobView>;

// How positions and times (microseconds since 1970, UTC) are kept as BIGINT.
constexpr std::int64_t sql_number(GlobalPosition position) {
  return static_cast<std::int64_t>(position.value);
}
constexpr std::int64_t sql_number(Timestamp time) {
  return time.time_since_epoch().count();
}

// What a statement gave. Rows and columns count from 0.
//
// Threads: as any value.
class SqlRows {
 public:
  SqlRows() = default;
  // `values` row after row.
  SqlRows(std::size_t columns, std::vector<SqlValue> values, std::uint64_t changed)
      : columns_(columns), values_(std::move(values)), changed_(changed) {}

  std::size_t size() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  bool empty() const { return values_.empty(); }
  // How many rows a statement that changes some has changed.
  std::uint64_t changed() const { return changed_; }

  const SqlValue& at(std::size_t row, std::size_t column) const {
    return values_[row * columns_ + column];
  }
  bool is_null(std::size_t row, std::size_t column) const {
    return std::holds_alternative<std::monostate>(at(row, column));
  }
  // Of a value of that kind; 0 or empty where it is another. text() is of bytes as well, real() of
  // whole numbers as well.
  std::int64_t integer(std::size_t row, std::size_t column) const;
  double real(std::size_t row, std::size_t column) const;
  std::string_view text(std::size_t row, std::size_t column) const;
  // Of a whole number that sql_number() has made.
  GlobalPosition position(std::size_t row, std::size_t column) const {
    return {static_cast<std::uint64_t>(integer(row, column))};
  }
  Timestamp time(std::size_t row, std::size_t column) const {
    return Timestamp(std::chrono::microseconds(integer(row, column)));
  }

 private:
  std::size_t columns_ = 0;
  std::vector<SqlValue> values_;
  std::uint64_t changed_ = 0;
};

// A transaction of a state database: all of it is done by commit(), or nothing.
//
// Statements are of the SQL that SQLite and PostgreSQL have in common, with parameters $1, $2, ...
// Types that mean the same to both: BIGINT, DOUBLE PRECISION, TEXT and BYTEA.
//
// Ownership: gives up what it has not committed when it is destroyed; must not outlive its
//            database.
// Threads:   one at a time.
class StateTransaction {
 public:
  StateTransaction() = default;
  virtual ~StateTransaction() = default;
  StateTransaction(const StateTransaction&) = delete;
  StateTransaction& operator=(const StateTransaction&) = delete;

  // Runs one statement. The same text again costs less: it is prepared once.
  //
  // Fails with InvalidArgument where the database does not take it; with DeadlineExceeded,
  // Unavailable, Overloaded (others were in the way: begin anew), NoSpace, ReadOnly, Corruption or
  // Io. After a failure nothing more can be done in the transaction.
  virtual Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) = 0;
  Result<SqlRows> run(std::string_view sql, std::initializer_list<SqlParameter> parameters = {}) {
    return run(sql, std::span(parameters.begin(), parameters.size()));
  }

  // Runs one statement once for each of `rows`, sent together; its answers are left away but for
  // the number of rows that all of them changed. Fails as run() does.
  virtual Result<std::uint64_t> run_each(std::string_view sql,
                                         std::span<const std::vector<SqlParameter>> rows) = 0;

  // Runs statements without parameters, separated by semicolons. Fails as run() does.
  virtual Result<void> run_script(std::string_view script) = 0;

  // Makes the view `name` show `select`, whatever it showed before: what was granted on it stays
  // where the columns are the same. Fails as run() does.
  virtual Result<void> replace_view(std::string_view name, std::string_view select) = 0;

  // When the transaction began, by the database's clock, which is the same for all who use it.
  virtual Timestamp now() const = 0;

  // Waits until no other transaction is open that has locked the same name, and keeps those that
  // come waiting.
  virtual Result<void> lock(std::string_view name) = 0;

  // What a SELECT of rows that are to stay as they are until the end ends with; may be empty.
  virtual std::string_view for_update() const = 0;

  // Fails as run() does; with OutcomeUnknown where the connection broke, so that it may be done or
  // not: what is stored tells.
  virtual Result<void> commit() = 0;
};

// Where what is made from events lives: checkpoints, leases, projections, snapshots. Beside an
// embedded store that is an SQLite database, in the same file system; beside a store in PostgreSQL
// the same database and schema.
//
// Threads: safe from any thread; each transaction belongs to one.
class StateDatabase {
 public:
  StateDatabase() = default;
  virtual ~StateDatabase() = default;
  StateDatabase(const StateDatabase&) = delete;
  StateDatabase& operator=(const StateDatabase&) = delete;

  // A transaction that may write. In SQLite it waits for the one that is open, in PostgreSQL for
  // rows that another has changed. Everything in it has to be done before `deadline`.
  virtual Result<std::unique_ptr<StateTransaction>> begin(Deadline deadline) = 0;

  // A transaction that sees one state of all tables and writes nothing.
  virtual Result<std::unique_ptr<StateTransaction>> begin_read(Deadline deadline) = 0;
};

struct StateOptions {
  bool read_only = false;
  // Make the tables where there are none, and bring them to this library's version; if not, or if
  // read_only, that is NotFound or UnsupportedFormat.
  bool migrate = true;
};

// Opens the state database of the store at `url`, a URL that open() takes. Of `memory:` it is a
// new, empty one that lives as long as the returned object. The store itself has to be there.
//
// Fails with InvalidArgument, NotFound, UnsupportedFormat (tables of a newer version), ReadOnly,
// Unavailable, DeadlineExceeded, Corruption, NoSpace or Io.
Result<std::unique_ptr<StateDatabase>> open_state(std::string_view url,
                                                  const StateOptions& options = {});

// Opens the state database of a store of one engine.
using OpenStateFunction = std::function<Result<std::unique_ptr<StateDatabase>>(
    std::string_view url, const StateOptions& options)>;

// As register_engine() does for open(): makes open_state() hand URLs of that scheme to `function`.
// Safe from any thread.
void register_state_engine(std::string_view scheme, OpenStateFunction function);

}  // namespace eventstore
