#include "subscription/group_settings.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/refusal.hpp"
#include "core/utf8.hpp"
#include "subscription/filter_json.hpp"

namespace eventstore::subscription {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

// Times of a settings text are whole milliseconds; none is longer.
constexpr auto kTimeMax = std::chrono::hours(24 * 365);
constexpr auto kLeaseMin = milliseconds(100);

constexpr std::array<std::pair<NackAction, std::string_view>, 4> kActions = {{
    {NackAction::Retry, "retry"},
    {NackAction::Park, "park"},
    {NackAction::Skip, "skip"},
    {NackAction::Stop, "stop"},
}};

std::string name_of(NackAction action) {
  for (const auto& [value, name] : kActions) {
    if (value == action) return std::string(name);
  }
  std::unreachable();
}

std::unexpected<Error> refused(std::string message) {
  return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                               .message = "consumer group: " + std::move(message)});
}

// Reads members of an object, and remembers whether all of them were of their kind.
class Members {
 public:
  explicit Members(const Json& object) : object_(object), is_good_(object.is_object()) {}

  bool is_good() const { return is_good_; }
  const Json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void read(const char* name, std::string& out) {
    if (const auto* value = of_kind(name, &Json::is_string)) out = value->get<std::string>();
  }
  void read(const char* name, bool& out) {
    if (const auto* value = of_kind(name, &Json::is_boolean)) out = value->get<bool>();
  }
  void read(const char* name, std::uint32_t& out) {
    if (const auto* value = of_kind(name, &Json::is_number_unsigned)) {
      out = value->get<std::uint32_t>();
    }
  }
  void read(const char* name, milliseconds& out) {
    if (const auto* value = of_kind(name, &Json::is_number_unsigned)) {
      out = milliseconds(value->get<std::int64_t>());
    }
  }
  void read(const char* name, std::vector<std::string>& out) {
    const auto* value = of_kind(name, &Json::is_array);
    if (value == nullptr) return;
    out.clear();
    for (const auto& one : *value) {
      if (!one.is_string()) {
        is_good_ = false;
        return;
      }
      out.push_back(one.get<std::string>());
    }
  }
  void read(const char* name, NackAction& out) {
    std::string text;
    read(name, text);
    for (const auto& [action, its_name] : kActions) {
      if (text != its_name) continue;
      out = action;
      return;
    }
    is_good_ = false;
  }
  void fail() { is_good_ = false; }

 private:
  const Json* of_kind(const char* name, bool (Json::*is_of_kind)() const noexcept) {
    const auto* value = find(name);
    if (value != nullptr && (value->*is_of_kind)()) return value;
    is_good_ = false;
    return nullptr;
  }

  const Json& object_;
  bool is_good_;
};

std::optional<Query> query_of(const Json& json) {
  if (json == "all") return Query::everything();
  if (!json.is_array()) return std::nullopt;
  std::vector<QueryItem> items;
  for (const auto& one : json) {
    Members members(one);
    auto& item = items.emplace_back();
    members.read("types", item.types);
    members.read("tags", item.tags);
    if (!members.is_good()) return std::nullopt;
  }
  return Query::of(std::move(items));
}

std::optional<Selector> selector_of(const Json& json) {
  Members members(json);
  Selector selector = SelectAll{};
  if (members.find("stream") != nullptr) {
    members.read("stream", selector.emplace<SelectStream>().stream);
  } else if (members.find("category") != nullptr) {
    members.read("category", selector.emplace<SelectCategory>().category);
  } else if (const auto* query = members.find("query")) {
    auto read = query_of(*query);
    if (!read) return std::nullopt;
    selector = *std::move(read);
  }
  if (!members.is_good()) return std::nullopt;
  return selector;
}

// A start that means the same place whenever it is asked for.
std::optional<GlobalPosition> fixed_start(const SubscriptionStart& start) {
  if (std::holds_alternative<FromStart>(start)) return GlobalPosition{};
  if (const auto* after = std::get_if<AfterPosition>(&start)) return after->position;
  return std::nullopt;
}

template <typename Event>
std::string key_in(const Event& event, const ConsumerGroupSettings& settings) {
  if (!settings.key_tag_prefix.empty()) {
    for (const std::string_view tag : event.tags) {
      if (tag.starts_with(settings.key_tag_prefix)) {
        return std::string(tag.substr(settings.key_tag_prefix.size()));
      }
    }
  }
  return std::string(event.stream);
}

}  // namespace

Result<void> validate_group_settings(const ConsumerGroupSettings& settings) {
  if (!is_utf8(settings.key_tag_prefix)) return refused("key_tag_prefix must be UTF-8");
  if (settings.attempts_max == 0) return refused("attempts_max must be at least 1");
  if (settings.when_exhausted == NackAction::Retry) {
    return refused("when_exhausted must be park, skip or stop");
  }
  if (settings.pause_min < milliseconds(0) || settings.pause_max < settings.pause_min) {
    return refused("pause_min must be at least 0 and at most pause_max");
  }
  if (settings.answer_within <= milliseconds(0)) return refused("answer_within must be above 0");
  if (settings.lease < kLeaseMin) return refused("lease must be at least 100 ms");
  for (const auto time : {settings.pause_max, settings.answer_within, settings.lease}) {
    if (time > kTimeMax) return refused("no time may be longer than a year");
  }
  return {};
}

Result<ConsumerGroupSettings> parse_group_settings(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  ConsumerGroupSettings settings;
  Members members(json);
  if (const auto* selector = members.find("selector")) {
    auto read = selector_of(*selector);
    if (!read) members.fail();
    if (read) settings.filter.selector = *std::move(read);
  }
  members.read("types", settings.filter.types);
  members.read("stream_prefix", settings.filter.stream_prefix);
  members.read("stream_pattern", settings.filter.stream_pattern);
  members.read("type_pattern", settings.filter.type_pattern);
  members.read("include_system", settings.filter.include_system);
  members.read("key_tag_prefix", settings.key_tag_prefix);
  members.read("attempts_max", settings.attempts_max);
  members.read("when_exhausted", settings.when_exhausted);
  members.read("pause_min_ms", settings.pause_min);
  members.read("pause_max_ms", settings.pause_max);
  members.read("holds_behind_parked", settings.holds_behind_parked);
  members.read("answer_within_ms", settings.answer_within);
  members.read("lease_ms", settings.lease);
  if (!members.is_good() || !validate_group_settings(settings)) {
    return std::unexpected(Error{.code = ErrorCode::Corruption,
                                 .message = "the settings of a consumer group in the state"
                                            " database cannot be read"});
  }
  return settings;
}

std::string other_settings(const ConsumerGroupSettings& there, const ConsumerGroupSettings& asked) {
  const auto it = Json::parse(to_json(there));
  const auto other = Json::parse(to_json(asked));
  std::string differences;
  const auto add = [&](std::string_view name, std::string_view value) {
    differences += differences.empty() ? "" : ", ";
    differences.append(name).append(" is ").append(value);
  };
  for (const auto& [name, value] : it.items()) {
    if (value != other.at(name))
      add(name, value.is_string() ? in_quotes(value.get<std::string>()) : value.dump());
  }
  const auto began = fixed_start(there.start);
  const auto asked_start = fixed_start(asked.start);
  if (began && asked_start && *began != *asked_start) {
    add("start_position", std::to_string(began->value));
  }
  return differences;
}

std::string key_of(const EventView& event, const ConsumerGroupSettings& settings) {
  return key_in(event, settings);
}

static_assert(ConsumerGroups::kBuckets == kBuckets);

std::string key_of(const RecordedEvent& event, const ConsumerGroupSettings& settings) {
  return key_in(event, settings);
}

}  // namespace eventstore::subscription

namespace eventstore {

std::string to_json(const ConsumerGroupSettings& settings) {
  auto json = subscription::filter_json(settings.filter);
  json["key_tag_prefix"] = settings.key_tag_prefix;
  json["attempts_max"] = settings.attempts_max;
  json["when_exhausted"] = subscription::name_of(settings.when_exhausted);
  json["pause_min_ms"] = static_cast<std::uint64_t>(settings.pause_min.count());
  json["pause_max_ms"] = static_cast<std::uint64_t>(settings.pause_max.count());
  json["holds_behind_parked"] = settings.holds_behind_parked;
  json["answer_within_ms"] = static_cast<std::uint64_t>(settings.answer_within.count());
  json["lease_ms"] = static_cast<std::uint64_t>(settings.lease.count());
  // What is no UTF-8 is refused by the store when the filter is tried.
  return json.dump(-1, ' ', false, subscription::Json::error_handler_t::replace);
}

}  // namespace eventstore
