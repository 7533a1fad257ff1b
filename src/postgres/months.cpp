#include "postgres/months.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "postgres/json_indexes.hpp"
#include "postgres/sql_builder.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kLoad =
    "SELECT month, first_position, in_default FROM {s}.months ORDER BY month";
constexpr const char* kIsThere = "SELECT to_regclass($1::text) IS NOT NULL";

// Attached when they are whole, which takes a lesser lock of the partitioned table than to make
// them as its parts.
constexpr const char* kMake = R"(
SET LOCAL lock_timeout = '5s';
CREATE TABLE {s}.events_{m} (LIKE {s}.events);
CREATE UNIQUE INDEX ON {s}.events_{m} (position);
CREATE UNIQUE INDEX ON {s}.events_{m} (stream_id, version);
CREATE INDEX ON {s}.events_{m} (type, position);
CREATE INDEX ON {s}.events_{m} (split_part(stream, '-', 1) COLLATE "C", position);
CREATE TABLE {s}.tags_{m} (LIKE {s}.tags);
CREATE UNIQUE INDEX ON {s}.tags_{m} (tag, position);
)";

// $1 is the table that has the rights, $2 the one that gets them as well; 0 is PUBLIC's number.
constexpr const char* kGrants =
    "SELECT coalesce(string_agg(format('GRANT %s ON %s TO %s%s;', a.privilege_type, $2::text,"
    " CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,"
    " CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), ''), '')"
    " FROM pg_class c, aclexplode(c.relacl) a"
    " WHERE c.oid = to_regclass($1::text) AND a.grantee <> c.relowner";

constexpr std::array kAttach = {
    "ALTER TABLE {s}.events ATTACH PARTITION {s}.events_{m}",
    "ALTER TABLE {s}.tags ATTACH PARTITION {s}.tags_{m}",
};

// Events are recorded in years of four digits.
std::string with_separator(Month month, char separator) {
  auto text = std::to_string(month.number);
  return text.insert(text.size() - 2, 1, separator);
}

}  // namespace

Month Month::of(Timestamp time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return {static_cast<int>(day.year()) * 100 +
          static_cast<int>(static_cast<unsigned>(day.month()))};
}

Month Month::next() const {
  return number % 100 == 12 ? Month{number + 89} : Month{number + 1};
}

Timestamp Month::begin() const {
  const std::chrono::year_month_day first(std::chrono::year(number / 100),
                                          std::chrono::month(static_cast<unsigned>(number % 100)),
                                          std::chrono::day(1));
  return std::chrono::sys_days(first);
}

std::string Month::to_string() const {
  return with_separator(*this, '-');
}

std::string Month::suffix() const {
  return with_separator(*this, '_');
}

std::optional<Month> Month::parse(std::string_view text) {
  const auto time = parse_timestamp(std::string(text) + "-01T00:00:00Z");
  if (!time) return std::nullopt;
  const auto month = of(*time);
  return month.to_string() == text ? std::optional(month) : std::nullopt;
}

const StoredMonth* MonthList::find(Month month) const {
  const auto at = std::ranges::lower_bound(months, month, {}, &StoredMonth::month);
  return at != months.end() && at->month == month ? &*at : nullptr;
}

std::size_t MonthList::ordinal_of(GlobalPosition position) const {
  const auto after = std::ranges::upper_bound(months, position, {}, &StoredMonth::first_position);
  return after == months.begin() ? 0 : static_cast<std::size_t>(after - months.begin()) - 1;
}

std::shared_ptr<const MonthList> KnownMonths::list() const {
  const MutexLock lock(mutex_);
  return list_;
}

Answer<std::shared_ptr<const MonthList>> KnownMonths::load(Connection& connection,
                                                           const std::string& schema,
                                                           Deadline deadline) {
  const auto sql = fill_in(kLoad, schema);
  const auto rows = connection.run({.sql = sql}, deadline);
  if (!rows) return std::unexpected(rows.error());
  auto loaded = std::make_shared<MonthList>();
  for (int row = 0; row < rows->size(); ++row) {
    const Month month{rows->int4(row, 0)};
    loaded->months.push_back({.month = month,
                              .first_position = {rows->int8(row, 1)},
                              .suffix = rows->boolean(row, 2) ? "default" : month.suffix()});
  }
  const MutexLock lock(mutex_);
  // Another thread may have looked later: what it found goes on from this.
  const auto& found = loaded->months;
  if (std::ranges::mismatch(found, list_->months).in1 != found.end()) list_ = loaded;
  return loaded;
}

std::string attach_statements(const std::string& schema, Month month) {
  const auto range = " FOR VALUES FROM ('" + month.to_string() + "-01 00:00:00+00') TO ('" +
                     month.next().to_string() + "-01 00:00:00+00');";
  std::string statements;
  for (const auto* const attach : kAttach) {
    statements += fill_in(attach, schema, month.suffix());
    statements += range;
  }
  return statements;
}

Answer<std::string> grant_statements(Connection& connection, const std::string& from,
                                     const std::string& to, Deadline deadline) {
  const auto grants = connection.run(
      {.sql = kGrants, .parameters = std::move(Parameters().text(from).text(to))}, deadline);
  if (!grants) return std::unexpected(grants.error());
  return std::string(grants->text(0, 0));
}

Answer<bool> month_has_tables(Connection& connection, const std::string& schema, Month month,
                              Deadline deadline) {
  const auto there = connection.run(
      {.sql = kIsThere, .parameters = Parameters().text(schema + ".events_" + month.suffix())},
      deadline);
  if (!there) return std::unexpected(there.error());
  return there->boolean(0, 0);
}

Answer<bool> make_month_tables(Connection& connection, const std::string& schema, Month month,
                               Deadline deadline) {
  const auto there = month_has_tables(connection, schema, month, deadline);
  if (!there) return there;
  if (*there) return false;
  const auto indexes = json_index_statements(connection, schema, month.suffix(), deadline);
  if (!indexes) return std::unexpected(indexes.error());
  auto script = "BEGIN;" + fill_in(kMake, schema, month.suffix()) + *indexes +
                attach_statements(schema, month);
  for (const auto* const table : {".events", ".tags"}) {
    const auto parent = schema + table;
    const auto grants =
        grant_statements(connection, parent, parent + '_' + month.suffix(), deadline);
    if (!grants) return std::unexpected(grants.error());
    script += *grants;
  }
  script += "COMMIT;";
  auto made = connection.run_script(script, deadline);
  if (made) return true;
  if (!connection.is_lost()) static_cast<void>(connection.run_script("ROLLBACK", deadline));
  // Another process was faster: duplicate_table; or kUniqueViolation of the catalogue, where it was
  // at it at the same time.
  if (made.error().is("42P07") || made.error().is(kUniqueViolation)) return false;
  return std::unexpected(std::move(made).error());
}

}  // namespace eventstore::postgres
