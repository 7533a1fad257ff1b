#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace eventstore::bench {

// A connection to an SQLite database.
//
// Threads: one at a time.
class SqliteDatabase {
 public:
  explicit SqliteDatabase(const std::filesystem::path& path);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  void execute(const char* sql);
  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

// A prepared statement.
//
// Ownership: must not outlive its database; a bound text must live until the statement is reset,
//            and what column() returns is good until then or the next step().
// Threads:   one at a time.
class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase& database, std::string_view sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // Parameters count from 1, columns from 0.
  void bind(int parameter, std::uint64_t number);
  void bind_text(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);
  bool step();  // whether there is a row
  void reset();
  void run();  // step and reset, for a statement without rows

  std::uint64_t number(int column) const;
  std::string_view bytes(int column) const;

 private:
  void check(int result, std::string_view call) const;

  SqliteDatabase& database_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace eventstore::bench
