#include "eventstore/validate.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/ascii.hpp"
#include "core/json_text.hpp"
#include "core/refusal.hpp"
#include "core/stream_bounds.hpp"
#include "core/time_range.hpp"
#include "core/utf8.hpp"
#include "eventstore/limits.hpp"

namespace eventstore {
namespace {

struct NameRule {
  std::string_view field;
  std::string_view limit;
  std::size_t bytes_max;
  // What an empty one is called, where the field is the thing and not its name.
  std::string_view name_of_field = field;
};

constexpr NameRule kStreamRule{
    .field = "stream", .limit = "stream_name_bytes_max", .bytes_max = kStreamNameBytesMax};
// The metadata of a stream is in a stream of its own, whose name is longer.
constexpr NameRule kMetadataStreamRule{.field = "stream",
                                       .limit = "stream_name_bytes_max",
                                       .bytes_max = kMetadataPrefix.size() + kStreamNameBytesMax};
constexpr NameRule kCategoryRule{
    .field = "category", .limit = "stream_name_bytes_max", .bytes_max = kStreamNameBytesMax};
constexpr NameRule kTypeRule{
    .field = "type", .limit = "event_type_bytes_max", .bytes_max = kEventTypeBytesMax};
// Of the state database. `field` is called `name_of_field` where it is empty.
constexpr NameRule state_rule(std::string_view field, std::string_view name_of_field) {
  return {.field = field,
          .limit = "state_name_bytes_max",
          .bytes_max = kStateNameBytesMax,
          .name_of_field = name_of_field};
}
constexpr auto kCheckpointRule = state_rule("checkpoint", "name of the checkpoint");
constexpr auto kLeaseRule = state_rule("lease", "name of the lease");
constexpr auto kLeaseOwnerRule = state_rule("lease owner", "lease owner");
constexpr auto kGroupRule = state_rule("consumer group", "name of the consumer group");
constexpr auto kGroupMemberRule =
    state_rule("consumer group member", "name of the consumer group member");
constexpr NameRule kTagRule{.field = "tag", .limit = "tag_bytes_max", .bytes_max = kTagBytesMax};

std::string field_and_value(const NameRule& rule, std::string_view name) {
  return std::string(rule.field) + ' ' + in_quotes(name);
}

// The careful half of validate_name(): finds what is wrong and where, if anything.
Result<void> find_fault(std::string_view name, const NameRule& rule) {
  if (name.empty()) {
    return invalid_argument(std::string(rule.name_of_field) + " is empty: give it 1 to " +
                            std::to_string(rule.bytes_max) + " bytes");
  }
  if (name.size() > rule.bytes_max) {
    return limit_exceeded(field_and_value(rule, name),
                          {.limit = rule.limit, .actual = name.size(), .allowed = rule.bytes_max});
  }
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = utf8_sequence_bytes(name.substr(at));
    if (length == 0) {
      return invalid_argument(field_and_value(rule, name) + " is not valid UTF-8 at byte " +
                              std::to_string(at));
    }
    const auto last = static_cast<unsigned char>(name[at + length - 1]);
    const bool is_control = length == 1   ? last < 0x20 || last == 0x7f
                            : length == 2 ? name[at] == '\xc2' && last < 0xa0
                                          : false;
    if (is_control) {
      return invalid_argument(field_and_value(rule, name) + " has a control character at byte " +
                              std::to_string(at) + ": names may not contain any");
    }
    at += length;
  }
  return {};
}

Result<void> validate_name(std::string_view name, const NameRule& rule) {
  if (!name.empty() && name.size() <= rule.bytes_max && is_plain_ascii(name)) return {};
  return find_fault(name, rule);
}

// Adds `more` to `sum`, but stops at the greatest value instead of wrapping around.
void add(std::size_t& sum, std::size_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = SIZE_MAX;
}

std::size_t size_bytes(const NewEvent& event) {
  std::size_t size = event.stream.size();
  add(size, event.type.size());
  for (const std::string& tag : event.tags) add(size, tag.size());
  add(size, event.metadata.size());
  add(size, event.data.size());
  return size;
}

Result<void> validate_names(const NewEvent& event) {
  if (auto valid = validate_stream_name(event.stream); !valid) return valid;
  if (auto valid = validate_name(event.type, kTypeRule); !valid) return valid;
  if (event.tags.size() > kTagsPerEventMax) {
    return limit_exceeded("event", {.limit = "tags_per_event_max",
                                    .actual = event.tags.size(),
                                    .allowed = kTagsPerEventMax,
                                    .unit = "tags"});
  }
  for (const std::string& tag : event.tags) {
    if (auto valid = validate_name(tag, kTagRule); !valid) return valid;
  }
  return {};
}

Result<void> validate_payload(const NewEvent& event) {
  switch (event.format) {
    case PayloadFormat::Binary:
      return {};
    case PayloadFormat::Json:
      break;
    default:
      return invalid_argument("format " + std::to_string(static_cast<unsigned>(event.format)) +
                              " is unknown: it is json (1) or binary (2)");
  }
  if (event.data.empty()) return {};
  const JsonFault fault = check_json(event.data);
  if (fault == JsonFault::None) return {};
  return invalid_argument("data " + in_quotes(event.data) + ' ' + std::string(to_sentence(fault)) +
                          ": mend it, or state format binary");
}

// `size` is the event's size_bytes().
Result<void> validate_event(const NewEvent& event, std::size_t size) {
  if (auto valid = validate_names(event); !valid) return valid;
  if (event.id && event.id->is_nil()) {
    return invalid_argument("id is the nil UUID: give another, or none to have one made");
  }
  if (size > kEventBytesMax) {
    return limit_exceeded("event",
                          {.limit = "event_bytes_max", .actual = size, .allowed = kEventBytesMax});
  }
  if (event.schema_version == 0) {
    return invalid_argument("schema_version is 0: it counts from 1");
  }
  if (event.occurred_at &&
      (*event.occurred_at < kTimestampMin || *event.occurred_at > kTimestampMax)) {
    return invalid_argument("occurred_at " + format_timestamp(*event.occurred_at) +
                            " is outside of the years 0000 to 9999");
  }
  if (auto valid = validate_payload(event); !valid) return valid;
  const auto stated = stated_bounds(event.stream, event.type, event.format, event.data);
  if (!stated) return std::unexpected(stated.error());
  return {};
}

Result<void> require_system(const NewEvent& event) {
  const bool by_stream = is_system_name(event.stream);
  if (!by_stream && !is_system_name(event.type)) return {};
  const NameRule& rule = by_stream ? kStreamRule : kTypeRule;
  return invalid_argument(field_and_value(rule, by_stream ? event.stream : event.type) +
                          " starts with '$', which is for the store's own: choose another");
}

Result<void> validate_events(const AppendRequest& request) {
  std::size_t total = 0;
  for (std::size_t index = 0; index < request.events.size(); ++index) {
    const NewEvent& event = request.events[index];
    const std::size_t size = size_bytes(event);
    auto valid = validate_event(event, size);
    if (valid && !request.system) valid = require_system(event);
    if (!valid) return within("events[" + std::to_string(index) + "]", std::move(valid).error());
    add(total, size);
  }
  if (total > kAppendBytesMax) {
    return limit_exceeded(
        "append", {.limit = "append_bytes_max", .actual = total, .allowed = kAppendBytesMax});
  }
  return {};
}

Result<void> refuse_same_id(const NewEvent& event) {
  return invalid_argument("id " + event.id->to_string() + " is given to two events of stream " +
                          in_quotes(event.stream) + ": an id is unique within its stream");
}

// Neighbours are compared first: ids of version 7 come in order, and ids in order are all
// different.
Result<void> validate_ids(const std::vector<NewEvent>& events) {
  bool in_order = true;
  const NewEvent* before = nullptr;
  for (const NewEvent& event : events) {
    if (!event.id) continue;
    if (before != nullptr && *event.id <= *before->id) {
      in_order = false;
      break;
    }
    before = &event;
  }
  if (in_order) return {};

  std::vector<const NewEvent*> sorted;
  sorted.reserve(events.size());
  for (const NewEvent& event : events) {
    if (event.id) sorted.push_back(&event);
  }
  std::ranges::sort(sorted, [](const NewEvent* left, const NewEvent* right) {
    return left->id != right->id ? left->id < right->id : left->stream < right->stream;
  });
  const auto twin =
      std::ranges::adjacent_find(sorted, [](const NewEvent* left, const NewEvent* right) {
        return left->id == right->id && left->stream == right->stream;
      });
  return twin == sorted.end() ? Result<void>{} : refuse_same_id(**twin);
}

Result<void> validate_checks(const std::vector<StreamCheck>& checks) {
  std::vector<std::string_view> streams;
  streams.reserve(checks.size());
  for (std::size_t index = 0; index < checks.size(); ++index) {
    auto valid = validate_stream_name(checks[index].stream);
    if (!valid) return within("checks[" + std::to_string(index) + "]", std::move(valid).error());
    streams.emplace_back(checks[index].stream);
  }
  std::ranges::sort(streams);
  const auto twin = std::ranges::adjacent_find(streams);
  if (twin == streams.end()) return {};
  return invalid_argument("stream " + in_quotes(*twin) +
                          " is checked twice: give one check for each stream");
}

Result<void> validate_selector(const Selector& selector) {
  if (const auto* const one = std::get_if<SelectStream>(&selector)) {
    return validate_stream_name(one->stream);
  }
  if (const auto* const query = std::get_if<Query>(&selector)) return validate(*query);
  const auto* const by_category = std::get_if<SelectCategory>(&selector);
  // A stream "-1" has the category "".
  if (by_category == nullptr || by_category->category.empty()) return {};
  if (by_category->category.contains('-')) {
    return invalid_argument(field_and_value(kCategoryRule, by_category->category) +
                            " has a '-': a category ends before the first one");
  }
  return validate_name(by_category->category, kCategoryRule);
}

}  // namespace

Result<void> validate_stream_name(std::string_view stream) {
  return validate_name(stream,
                       stream.starts_with(kMetadataPrefix) ? kMetadataStreamRule : kStreamRule);
}

Result<void> validate_event_type(std::string_view type) {
  return validate_name(type, kTypeRule);
}

Result<void> validate_tag(std::string_view tag) {
  return validate_name(tag, kTagRule);
}

Result<void> validate_checkpoint_name(std::string_view checkpoint) {
  return validate_name(checkpoint, kCheckpointRule);
}

Result<void> validate_lease_name(std::string_view lease) {
  return validate_name(lease, kLeaseRule);
}

Result<void> validate_lease_owner(std::string_view owner) {
  return validate_name(owner, kLeaseOwnerRule);
}

Result<void> validate_consumer_group_name(std::string_view group) {
  return validate_name(group, kGroupRule);
}

Result<void> validate_consumer_group_member(std::string_view member) {
  return validate_name(member, kGroupMemberRule);
}

Result<void> validate(const NewEvent& event) {
  return validate_event(event, size_bytes(event));
}

Result<void> validate(const AppendRequest& request) {
  if (request.events.empty() && request.checks.empty() && !request.condition) {
    return invalid_argument("append is empty: give it events, checks or a condition");
  }
  if (auto valid = validate_events(request); !valid) return valid;
  if (auto valid = validate_ids(request.events); !valid) return valid;
  if (auto valid = validate_checks(request.checks); !valid) return valid;
  if (request.condition) {
    if (auto valid = validate(request.condition->query); !valid) {
      return within("condition", std::move(valid).error());
    }
  }
  return {};
}

Result<void> validate(const ReadRequest& request) {
  if (request.direction != Direction::Forwards && request.direction != Direction::Backwards) {
    return invalid_argument("direction " +
                            std::to_string(static_cast<unsigned>(request.direction)) +
                            " is unknown: it is forwards (0) or backwards (1)");
  }
  if (auto valid = validate_selector(request.selector); !valid) return valid;
  for (const std::string& type : request.types) {
    if (auto valid = validate_event_type(type); !valid)
      return within("types", std::move(valid).error());
  }
  if (request.stream_prefix.empty()) return {};
  return validate_name(request.stream_prefix, {.field = "stream_prefix",
                                               .limit = "stream_name_bytes_max",
                                               .bytes_max = kStreamNameBytesMax});
}

}  // namespace eventstore
