#include "eventstore/query.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/refusal.hpp"
#include "eventstore/event.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {
namespace {

bool item_matches(const QueryItem& item, const EventView& event) {
  const bool type_matches =
      item.types.empty() || std::ranges::find(item.types, event.type) != item.types.end();
  return type_matches && std::ranges::all_of(item.tags, [&](const std::string& tag) {
           return event.tags.contains(tag);
         });
}

Result<void> validate_item(const QueryItem& item) {
  if (item.types.empty() && item.tags.empty()) {
    return invalid_argument(
        "an item without types and tags would match everything: name some, or query all");
  }
  for (const std::string& type : item.types) {
    if (auto valid = validate_event_type(type); !valid) return valid;
  }
  for (const std::string& tag : item.tags) {
    if (auto valid = validate_tag(tag); !valid) return valid;
  }
  return {};
}

}  // namespace

bool Query::matches(const EventView& event) const {
  if (is_system_name(event.stream) || is_system_name(event.type)) return false;
  return matches_with_system(event);
}

bool Query::matches_with_system(const EventView& event) const {
  return all || std::ranges::any_of(
                    items, [&](const QueryItem& item) { return item_matches(item, event); });
}

Result<void> validate(const Query& query) {
  if (query.all && !query.items.empty()) {
    return invalid_argument("query is \"all\" and has items too: give one or the other");
  }
  if (!query.all && query.items.empty()) {
    return invalid_argument("query is empty: give it at least one item, or make it \"all\"");
  }
  for (std::size_t index = 0; index < query.items.size(); ++index) {
    if (auto valid = validate_item(query.items[index]); !valid) {
      return within("query item " + std::to_string(index), std::move(valid).error());
    }
  }
  return {};
}

}  // namespace eventstore
