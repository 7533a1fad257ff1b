#include "subscription/filter_json.hpp"

#include <type_traits>
#include <variant>

namespace eventstore::subscription {
namespace {

using Json = nlohmann::ordered_json;

Json selector_json(const Selector& selector) {
  return std::visit(
      [](const auto& one) -> Json {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, SelectStream>) {
          return {{"stream", one.stream}};
        } else if constexpr (std::is_same_v<T, SelectCategory>) {
          return {{"category", one.category}};
        } else if constexpr (std::is_same_v<T, Query>) {
          Json items = Json::array();
          for (const auto& item : one.items) {
            items.push_back({{"types", item.types}, {"tags", item.tags}});
          }
          return one.all ? Json{{"query", "all"}} : Json{{"query", items}};
        } else {
          return Json::object();
        }
      },
      selector);
}

}  // namespace

nlohmann::ordered_json filter_json(const SubscriptionFilter& filter) {
  return {
      {"selector", selector_json(filter.selector)}, {"types", filter.types},
      {"stream_prefix", filter.stream_prefix},      {"stream_pattern", filter.stream_pattern},
      {"type_pattern", filter.type_pattern},        {"include_system", filter.include_system},
  };
}

}  // namespace eventstore::subscription
