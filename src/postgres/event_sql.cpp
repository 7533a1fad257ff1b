#include "postgres/event_sql.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace eventstore::postgres {
namespace {

const std::string kColumns =
    "e.position, e.version, e.id, e.recorded_at, e.occurred_at, e.schema_version, e.format,"
    " e.last_of_append, e.stream, e.type, e.tags, octet_length(e.metadata) + "
    "octet_length(e.data)," +
    [](const std::string& limit) {
      const auto inlined = [&](const char* column) {
        return " CASE WHEN octet_length(e.metadata) + octet_length(e.data) <= " + limit +
               " THEN e." + column + " END";
      };
      return inlined("metadata") + "," + inlined("data");
    }(std::to_string(kInlineBytesMax));

// Puts together the text of a statement; what it says of a month's tables is filled in at the end.
class Selecting {
 public:
  explicit Selecting(const EventSelection& selection) : given_(selection), selection_(selection) {
    sql_.parameters.int8(selection.first).int8(selection.last).int8(selection.limit);
  }

  SqlBuilder events(const std::string& schema, const std::string& suffix) && {
    const auto parts = subselects(kColumns);
    if (parts.size() == 1 && !by_tag_) {
      sql_.text = parts.front();
    } else {
      sql_.text = "SELECT " + kColumns + " FROM (" + positions_of() +
                  ") p JOIN {s}.events_{m} e ON e.position = p.position ORDER BY e.position" +
                  order();
    }
    return finish(schema, suffix);
  }

  SqlBuilder positions(const std::string& schema, const std::string& suffix) && {
    sql_.text = positions_of();
    return finish(schema, suffix);
  }

 private:
  SqlBuilder finish(const std::string& schema, const std::string& suffix) {
    sql_.text = fill_in(sql_.text, schema, suffix);
    return std::move(sql_);
  }

  std::string order() const { return selection_.direction == Direction::Forwards ? "" : " DESC"; }

  // The matching positions, each once.
  std::string positions_of() {
    auto fresh = Selecting(given_);
    const auto parts = fresh.subselects("e.position");
    sql_ = std::move(fresh.sql_);
    if (parts.size() == 1) return parts.front();
    std::string text = "SELECT DISTINCT position FROM (";
    for (std::size_t index = 0; index < parts.size(); ++index) {
      text += (index > 0 ? " UNION ALL (" : "(") + parts[index] + ")";
    }
    return text + ") u ORDER BY position" + order() + " LIMIT $3::bigint";
  }

  // One for each way to find events; what they give together is the selection.
  std::vector<std::string> subselects(const std::string& columns) {
    const auto& selector = *selection_.selector;
    if (const auto* const stream = std::get_if<SelectStream>(&selector)) {
      const auto id =
          selection_.stream_id != 0
              ? sql_.add_int8(static_cast<std::uint64_t>(selection_.stream_id))
              : "(SELECT stream_id FROM {s}.streams WHERE name = " + sql_.add_text(stream->stream) +
                    ")";
      return {of_events(columns, "e.stream_id", id, "version")};
    }
    if (const auto* const category = std::get_if<SelectCategory>(&selector)) {
      const auto name = sql_.add_text(category->category);
      return {of_events(columns, "split_part(e.stream, '-', 1)", name, "position")};
    }
    std::vector<std::string> parts;
    if (const auto* const query = std::get_if<Query>(&selector); query != nullptr && !query->all) {
      for (const auto& item : query->items) add_item(item, columns, parts);
      return parts;
    }
    if (has_types()) {
      const std::vector<std::string> types = *std::exchange(selection_.types, nullptr);
      for (const auto& type : types) add_type(type, columns, parts);
      return parts;
    }
    return {of_events(columns, {}, {}, "position")};
  }

  bool has_types() const { return selection_.types != nullptr && !selection_.types->empty(); }

  void add_type(const std::string& type, const std::string& columns,
                std::vector<std::string>& parts) {
    parts.push_back(of_events(columns, "e.type", sql_.add_text(type), "position"));
  }

  void add_item(const QueryItem& item, const std::string& columns,
                std::vector<std::string>& parts) {
    if (item.tags.empty()) {
      for (const auto& type : item.types) add_type(type, columns, parts);
      return;
    }
    by_tag_ = true;
    // Which tag is the rarest decides how to go about it: let the server look at the values.
    if (item.tags.size() > 1) sql_.prepared = false;
    std::string from = "{s}.tags_{m} t0";
    std::string where = "t0.tag = " + sql_.add_text(item.tags.front());
    for (std::size_t index = 1; index < item.tags.size(); ++index) {
      const auto name = "t" + std::to_string(index);
      from.append(" JOIN {s}.tags_{m} ").append(name).append(" ON t0.position = ");
      from.append(name).append(".position");
      where.append(" AND ").append(name).append(".tag = ").append(sql_.add_text(item.tags[index]));
    }
    where += " AND t0.position BETWEEN $1::bigint AND $2::bigint";
    auto filters = filters_on_events();
    if (!item.types.empty()) filters += " AND e.type = ANY(" + text_array(item.types) + ")";
    if (!filters.empty()) from += " JOIN {s}.events_{m} e ON e.position = t0.position";
    parts.push_back("SELECT t0.position FROM " + from + " WHERE " + where + filters +
                    " ORDER BY t0.position" + order() + " LIMIT $3::bigint");
  }

  // Events for which `key`, an expression, has a value; all, where it is empty. The pair of it and
  // the number is compared, and not each alone, for the server to take the index over both: any
  // other is narrow for common values only.
  std::string of_events(const std::string& columns, const std::string& key,
                        const std::string& value, const std::string& number) {
    const auto pair = [](const std::string& left, const std::string& right) {
      return left.empty() ? right : "(" + left + ", " + right + ")";
    };
    const auto n = "e." + number;
    const auto order_by = key.empty() ? n + order() : key + order() + ", " + n + order();
    return "SELECT " + columns + " FROM {s}.events_{m} e WHERE " + pair(key, n) +
           " >= " + pair(value, "$1::bigint") + " AND " + pair(key, n) +
           " <= " + pair(value, "$2::bigint") + filters_on_events() + " ORDER BY " + order_by +
           " LIMIT $3::bigint";
  }

  std::string text_array(const std::vector<std::string>& values) {
    const std::vector<std::string_view> views(values.begin(), values.end());
    sql_.parameters.text_array(views);
    return sql_.last() + "::text[]";
  }

  std::string filters_on_events() {
    std::string filters;
    if (has_types()) filters += " AND e.type = ANY(" + text_array(*selection_.types) + ")";
    if (!selection_.stream_prefix.empty()) {
      filters += " AND starts_with(e.stream, " + sql_.add_text(selection_.stream_prefix) + ")";
    }
    if (selection_.strict) {
      filters += " AND left(e.stream, 1) <> '$' AND left(e.type, 1) <> '$' AND e.format <> 0";
    }
    if (selection_.deleted_up_to) {
      filters +=
          " AND NOT EXISTS (SELECT FROM {s}.bounds b WHERE b.stream_id = e.stream_id AND b.position"
          " <= " +
          sql_.add_int8(selection_.deleted_up_to->value) + " AND b.first_kept > e.version)";
    }
    return filters;
  }

  const EventSelection given_;
  EventSelection selection_;  // types that a subselect is about are no filter any more
  SqlBuilder sql_;
  bool by_tag_ = false;
};

}  // namespace

SqlBuilder events_sql(const EventSelection& selection, const std::string& schema,
                      const std::string& suffix) {
  return Selecting(selection).events(schema, suffix);
}

SqlBuilder positions_sql(const EventSelection& selection, const std::string& schema,
                         const std::string& suffix) {
  return Selecting(selection).positions(schema, suffix);
}

SqlBuilder payloads_sql(std::span<const std::uint64_t> positions, const std::string& schema,
                        const std::string& suffix) {
  SqlBuilder sql;
  sql.parameters.int8_array(positions);
  sql.text = fill_in(
      "SELECT position, metadata, data FROM {s}.events_{m} WHERE position = ANY($1::bigint[])"
      " ORDER BY position",
      schema, suffix);
  return sql;
}

}  // namespace eventstore::postgres
