#include "projection/generation_tables.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <nlohmann/json.hpp>

#include "subscription/filter_json.hpp"

namespace eventstore::projection {
namespace {

constexpr std::size_t kNameBytesMax = 40;

Error invalid(std::string message) {
  return {.code = ErrorCode::InvalidArgument, .message = std::move(message)};
}

// Letters and digits without regard to the locale.
bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name(std::string_view name, char separator) {
  return !name.empty() && name.size() <= kNameBytesMax && is_letter(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return is_letter(c) || is_digit(c) || c == separator; });
}

std::string prefix_of(std::int64_t generation) {
  return "projection_" + std::to_string(generation) + '_';
}

// Each view with the table that it shows.
struct View {
  std::string name;
  std::string select;
};

std::vector<View> views_of(const GenerationRow& generation) {
  std::vector<View> views{
      {.name = documents_view(generation.projection),
       .select = "SELECT key, document FROM " + documents_table(generation.id)}};
  for (const auto& table : generation.tables) {
    views.push_back({.name = table, .select = "SELECT * FROM " + own_table(generation.id, table)});
  }
  return views;
}

bool shows(const GenerationRow* generation, std::string_view view) {
  return generation != nullptr &&
         (view == documents_view(generation->projection) ||
          std::ranges::find(generation->tables, view) != generation->tables.end());
}

}  // namespace

Result<void> validate_projection_name(std::string_view name) {
  if (is_name(name, '-')) return {};
  return std::unexpected(
      invalid("a projection's name is 1 to 40 of a-z, 0-9 and -, the first a letter; not: " +
              std::string(name)));
}

Result<void> validate_tables(std::span<const ProjectionTable> tables) {
  for (auto table = tables.begin(); table != tables.end(); ++table) {
    if (!is_name(table->name, '_') || table->name.starts_with("state_") ||
        table->name.starts_with("projection_") || table->name == "documents") {
      return std::unexpected(invalid(
          "a projection's table has a name of 1 to 40 of a-z, 0-9 and _, the first a letter, that"
          " does not begin with state_ or projection_, and is not documents; not: " +
          table->name));
    }
    if (std::ranges::find(tables.begin(), table, table->name, &ProjectionTable::name) != table) {
      return std::unexpected(invalid("two tables of a projection are called " + table->name));
    }
  }
  return {};
}

std::string documents_table(std::int64_t generation) {
  return prefix_of(generation) + "documents";
}

std::string own_table(std::int64_t generation, std::string_view name) {
  return prefix_of(generation).append(name);
}

std::string documents_view(std::string_view projection) {
  auto view = "projection_" + std::string(projection);
  std::ranges::replace(view, '-', '_');
  return view;
}

std::string definition_of(const Projection& projection) {
  auto tables = nlohmann::ordered_json::array();
  for (const auto& table : projection.tables()) {
    tables.push_back(
        {{"name", table.name}, {"columns", table.columns}, {"indexes", table.indexes}});
  }
  const nlohmann::ordered_json definition = {
      {"filter", subscription::filter_json(projection.filter())}, {"tables", tables}};
  // What is no UTF-8 is refused elsewhere.
  return definition.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<void> check_names(StateTransaction& transaction, const GenerationRow& generation) {
  const auto others = list_other_generations(transaction, generation.projection);
  if (!others) return std::unexpected(others.error());
  for (const auto& other : *others) {
    if (other.status == GenerationStatus::Old) continue;
    for (const auto& table : generation.tables) {
      if (std::ranges::find(other.tables, table) == other.tables.end()) continue;
      return std::unexpected(invalid("the projection " + generation.projection +
                                     " has a table of the same name as one of the projection " +
                                     other.projection + ": " + table));
    }
  }
  return {};
}

Result<void> create_tables(StateTransaction& transaction, const GenerationRow& generation,
                           std::span<const ProjectionTable> tables) {
  // `bucket` tells which partition a document is of.
  auto script = "CREATE TABLE " + documents_table(generation.id) +
                " (key TEXT PRIMARY KEY, bucket BIGINT NOT NULL, document TEXT NOT NULL)";
  for (const auto& table : tables) {
    const auto name = own_table(generation.id, table.name);
    script.append("; CREATE TABLE ").append(name).append(" (").append(table.columns).append(")");
    for (std::size_t index = 0; index < table.indexes.size(); ++index) {
      script.append("; CREATE INDEX ").append(name).append("_").append(std::to_string(index + 1));
      script.append(" ON ").append(name).append(" (").append(table.indexes[index]).append(")");
    }
  }
  return transaction.run_script(script);
}

Result<void> drop_tables(StateTransaction& transaction, const GenerationRow& generation) {
  auto script = "DROP TABLE IF EXISTS " + documents_table(generation.id);
  for (const auto& table : generation.tables) {
    script += "; DROP TABLE IF EXISTS " + own_table(generation.id, table);
  }
  return transaction.run_script(script);
}

Result<void> show_generation(StateTransaction& transaction, const GenerationRow& generation,
                             const GenerationRow* before) {
  const auto views = views_of(generation);
  for (const auto& view : views) {
    auto shown = shows(before, view.name)
                     ? transaction.replace_view(view.name, view.select)
                     : transaction.run_script("CREATE VIEW " + view.name + " AS " + view.select);
    if (!shown) return shown;
  }
  if (before == nullptr) return {};
  for (const auto& view : views_of(*before)) {
    if (shows(&generation, view.name)) continue;
    auto dropped = transaction.run_script("DROP VIEW IF EXISTS " + view.name);
    if (!dropped) return dropped;
  }
  return {};
}

Result<void> drop_views(StateTransaction& transaction, const GenerationRow& generation) {
  for (const auto& view : views_of(generation)) {
    auto dropped = transaction.run_script("DROP VIEW IF EXISTS " + view.name);
    if (!dropped) return dropped;
  }
  return {};
}

}  // namespace eventstore::projection
