#include "sqlite_database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "harness.hpp"

namespace eventstore::bench {

SqliteDatabase::SqliteDatabase(const std::filesystem::path& path) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (::sqlite3_open_v2(path.c_str(), &handle_, kFlags, nullptr) != SQLITE_OK) {
    fail(fmt::format("sqlite3_open_v2: {}", ::sqlite3_errmsg(handle_)));
  }
}

SqliteDatabase::~SqliteDatabase() {
  ::sqlite3_close(handle_);
}

void SqliteDatabase::execute(const char* sql) {
  if (::sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(fmt::format("{}: {}", sql, ::sqlite3_errmsg(handle_)));
  }
}

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql)
    : database_(database) {
  check(::sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                             SQLITE_PREPARE_PERSISTENT, &statement_, nullptr),
        sql);
}

SqliteStatement::~SqliteStatement() {
  ::sqlite3_finalize(statement_);
}

void SqliteStatement::bind(int parameter, std::uint64_t number) {
  check(::sqlite3_bind_int64(statement_, parameter, static_cast<sqlite3_int64>(number)), "bind");
}

void SqliteStatement::bind_text(int parameter, std::string_view text) {
  check(::sqlite3_bind_text(statement_, parameter, text.data(), static_cast<int>(text.size()),
                            SQLITE_STATIC),
        "bind");
}

void SqliteStatement::bind_blob(int parameter, std::string_view bytes) {
  check(::sqlite3_bind_blob(statement_, parameter, bytes.data(), static_cast<int>(bytes.size()),
                            SQLITE_STATIC),
        "bind");
}

bool SqliteStatement::step() {
  const int result = ::sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) check(result, "step");
  return false;
}

void SqliteStatement::reset() {
  check(::sqlite3_reset(statement_), "reset");
}

void SqliteStatement::run() {
  while (step()) {
  }
  reset();
}

std::uint64_t SqliteStatement::number(int column) const {
  return static_cast<std::uint64_t>(::sqlite3_column_int64(statement_, column));
}

std::string_view SqliteStatement::bytes(int column) const {
  const auto* const blob = static_cast<const char*>(::sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column));
  return blob == nullptr ? std::string_view() : std::string_view(blob, size);
}

void SqliteStatement::check(int result, std::string_view call) const {
  if (result == SQLITE_OK) return;
  fail(fmt::format("sqlite, {}: {}", call, ::sqlite3_errmsg(database_.handle())));
}

}  // namespace eventstore::bench
