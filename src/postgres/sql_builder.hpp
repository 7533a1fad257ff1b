#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/connection.hpp"
#include "postgres/parameters.hpp"

namespace eventstore::postgres {

// Fills in a statement: every "{s}" becomes `schema` (quoted already), every "{m}" the suffix of a
// month's tables: "2026_11", or "default"; and every "{columns}" the columns of a table of events.
std::string fill_in(std::string_view sql, std::string_view schema, std::string_view suffix = {});

// A statement that is put together, with its parameters. Values are never part of the text.
struct SqlBuilder {
  std::string text = {};
  Parameters parameters = {};
  // False: to be planned with the parameters known, each time that it is run.
  bool prepared = true;

  // The name of the parameter that was added last: "$4".
  std::string last() const { return '$' + std::to_string(parameters.count()); }
  std::string add_text(std::string_view value) { return parameters.text(value), last() + "::text"; }
  std::string add_int8(std::uint64_t value) { return parameters.int8(value), last() + "::bigint"; }

  // Borrows the text.
  Call call() const& { return {.sql = text, .parameters = parameters, .prepared = prepared}; }
};

// Has the server plan the rest of the transaction with the parameters known.
inline constexpr const char* kPlanAnew =
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)";

// Runs statements that were put together, planned as they are to be: together, with the rows of
// each.
Answer<std::vector<Rows>> run(Connection& connection, std::span<const SqlBuilder> statements,
                              Deadline deadline);
Answer<Rows> run(Connection& connection, const SqlBuilder& statement, Deadline deadline);

}  // namespace eventstore::postgres
