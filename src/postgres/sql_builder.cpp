#include "postgres/sql_builder.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::postgres {
namespace {

constexpr std::string_view kEventColumns =
    "position, recorded_at, stream_id, version, id, format, schema_version, occurred_at,"
    " last_of_append, stream, type, tags, metadata, data";

}  // namespace

std::string fill_in(std::string_view sql, std::string_view schema, std::string_view suffix) {
  std::string out;
  out.reserve(sql.size() + 64);
  while (!sql.empty()) {
    const auto brace = std::min(sql.find('{'), sql.size());
    out += sql.substr(0, brace);
    sql.remove_prefix(brace);
    if (sql.starts_with("{s}") || sql.starts_with("{m}")) {
      out += sql[1] == 's' ? schema : suffix;
      sql.remove_prefix(3);
    } else if (sql.starts_with("{columns}")) {
      out += kEventColumns;
      sql.remove_prefix(9);
    } else if (!sql.empty()) {
      out += sql.front();
      sql.remove_prefix(1);
    }
  }
  return out;
}

Answer<std::vector<Rows>> run(Connection& connection, std::span<const SqlBuilder> statements,
                              Deadline deadline) {
  std::vector<Call> calls;
  const bool plans_anew = !std::ranges::all_of(statements, &SqlBuilder::prepared);
  if (plans_anew) calls.push_back({.sql = kPlanAnew});
  for (const auto& statement : statements) calls.push_back(statement.call());
  auto rows = connection.run(calls, deadline);
  if (rows && plans_anew) rows->erase(rows->begin());
  return rows;
}

Answer<Rows> run(Connection& connection, const SqlBuilder& statement, Deadline deadline) {
  auto rows = run(connection, {&statement, 1}, deadline);
  if (!rows) return std::unexpected(std::move(rows).error());
  return std::move(rows->front());
}

}  // namespace eventstore::postgres
