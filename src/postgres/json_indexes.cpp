#include "postgres/json_indexes.hpp"

#include <algorithm>
#include <utility>

#include "eventstore/validate.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kAdd =
    "INSERT INTO {s}.json_indexes (types) VALUES ($1::text[]) ON CONFLICT DO NOTHING";

// All that are asked for, with their types as literals of SQL; NULL: of all types.
constexpr const char* kAsked =
    "SELECT number, (SELECT string_agg(quote_literal(t), ', ' ORDER BY t) FROM unnest(types) t)"
    " FROM {s}.json_indexes ORDER BY number";

// The tables of events that are part of the store, and whether they have an index of a name: NULL
// no, false a broken one.
constexpr const char* kTables =
    "SELECT substr(c.relname, 8), (SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid ="
    " to_regclass($1::text || '.' || c.relname || '_json_' || $2::int)) FROM pg_class c"
    " WHERE c.relnamespace = to_regnamespace($1::text) AND c.relispartition AND c.relkind = 'r'"
    " AND c.relname LIKE 'events\\_%' ORDER BY c.relname";

std::string name_of(std::int32_t number, const std::string& suffix) {
  return "events_" + suffix + "_json_" + std::to_string(number);
}

// What comes after CREATE INDEX [CONCURRENTLY].
std::string definition(const std::string& schema, const std::string& suffix, const Rows& asked,
                       int row) {
  auto text = name_of(asked.int4(row, 0), suffix) +
              fill_in(
                  " ON {s}.events_{m} USING gin ({s}.try_jsonb(data) jsonb_path_ops)"
                  " WHERE format = 1",
                  schema, suffix);
  if (!asked.is_null(row, 1)) text.append(" AND type IN (").append(asked.text(row, 1)).append(")");
  return text;
}

// Makes one index beside appends.
Result<void> make(MaintenanceSession& session, const std::string& name, bool is_broken,
                  const std::string& text) {
  if (is_broken) {
    auto dropped = session.run_script("DROP INDEX CONCURRENTLY {s}." + name);
    if (!dropped) return dropped;
  }
  // Not filled in: a type may have braces.
  const auto done = session.connection().run_script("CREATE INDEX CONCURRENTLY " + text,
                                                    MaintenanceSession::deadline());
  if (!done) return std::unexpected(to_error(done.error()));
  return {};
}

}  // namespace

Result<std::vector<std::string>> add_json_index(MaintenanceSession& session,
                                                std::vector<std::string> types) {
  for (const auto& type : types) {
    if (auto valid = validate_event_type(type); !valid) {
      return std::unexpected(std::move(valid).error());
    }
  }
  std::ranges::sort(types);
  const auto repeated = std::ranges::unique(types);
  types.erase(repeated.begin(), repeated.end());
  const std::vector<std::string_view> views(types.begin(), types.end());
  if (auto added = session.run(kAdd, Parameters().text_array(views)); !added) {
    return std::unexpected(std::move(added).error());
  }
  return make_json_indexes(session);
}

Result<std::vector<std::string>> make_json_indexes(MaintenanceSession& session) {
  const auto asked = session.run(kAsked);
  if (!asked) return std::unexpected(asked.error());
  std::vector<std::string> names;
  for (int row = 0; row < asked->size(); ++row) {
    const auto number = asked->int4(row, 0);
    const auto tables = session.run(kTables, Parameters().text(session.schema()).int4(number));
    if (!tables) return std::unexpected(tables.error());
    for (int table = 0; table < tables->size(); ++table) {
      const std::string suffix(tables->text(table, 0));
      names.push_back(name_of(number, suffix));
      if (tables->boolean(table, 1)) continue;
      const bool is_broken = !tables->is_null(table, 1);
      if (auto made = make(session, names.back(), is_broken,
                           definition(session.schema(), suffix, *asked, row));
          !made) {
        return std::unexpected(std::move(made).error());
      }
    }
  }
  return names;
}

Answer<std::string> json_index_statements(Connection& connection, const std::string& schema,
                                          const std::string& suffix, Deadline deadline) {
  const auto sql = fill_in(kAsked, schema);
  const auto asked = connection.run({.sql = sql}, deadline);
  if (!asked) return std::unexpected(asked.error());
  std::string statements;
  for (int row = 0; row < asked->size(); ++row) {
    statements += "CREATE INDEX " + definition(schema, suffix, *asked, row) + ";";
  }
  return statements;
}

}  // namespace eventstore::postgres
