#include "property/operations.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

constexpr std::array<std::string_view, 8> kStreams = {"a-1",  "a-2", "a",     "b-1",
                                                      "$own", "-",   "$$a-1", "$$a"};
constexpr std::array<std::string_view, 6> kTypes = {"T0", "T1", "T2", "$T", "$metadata", "T0"};
// Metadata that is appended as it is.
constexpr std::array<std::string_view, 8> kDocuments = {"{}",
                                                        R"({"$tb":1})",
                                                        R"({"$tb":3})",
                                                        R"({"$maxCount":2})",
                                                        R"({"$maxCount":4,"$tb":2})",
                                                        R"({"a":1,"$maxAge":1000000})",
                                                        R"({"$tb":5,"$maxCount":1})",
                                                        R"({"$tb":7})"};
// Of streams that come again and again, one in so many is tombstoned.
constexpr int kTombstonesPercent = 2;
constexpr std::array<std::string_view, 3> kTags = {"x", "y", "z"};
constexpr std::array<std::string_view, 6> kPrefixes = {"", "a", "a-", "b-1", "$", "none"};
constexpr std::array<std::string_view, 5> kCategories = {"a", "b", "$own", "", "none"};

int below(int bound) {
  return *rc::gen::inRange(0, bound);
}

bool chance(int percent) {
  return below(100) < percent;
}

EventPlan any_event() {
  return {.stream = below(kStreams.size()),
          .type = below(kTypes.size()),
          .tags = below(1 << kTags.size()),
          .id = chance(60) ? below(200) : 0,
          .data_bytes = chance(30) ? below(30000) : below(200),
          .binary = chance(30)};
}

QueryPlan any_query() {
  return {.types = below(1 << kTypes.size()),
          .tags = chance(90) ? 1 + below((1 << kTags.size()) - 1) : 0,
          .two_items = chance(30),
          .all = chance(10)};
}

AppendPlan any_append() {
  AppendPlan plan;
  const int events = chance(10) ? 0 : 1 + below(5);
  for (int index = 0; index < events; ++index) plan.events.push_back(any_event());
  const int checks = chance(50) ? 0 : 1 + below(2);
  for (int index = 0; index < checks; ++index) {
    plan.checks.push_back(
        {.stream = below(kStreams.size()), .kind = below(4), .off = chance(70) ? 0 : below(3) - 1});
  }
  if (chance(25)) plan.condition = any_query();
  plan.after = below(12) - 1;
  return plan;
}

// Mostly of appends that are accepted: the first that is not ends it.
ChainPlan any_chain() {
  ChainPlan plan{.appends = {}, .first_again = chance(40), .ends_at_repetitions = chance(20)};
  const int appends = 2 + below(5);
  for (int index = 0; index < appends; ++index) {
    plan.appends.push_back(any_append());
    if (!chance(75)) continue;
    plan.appends.back().condition.reset();
    for (auto& check : plan.appends.back().checks) check.off = 0;
  }
  return plan;
}

std::optional<int> maybe_below(int bound) {
  return chance(50) ? std::nullopt : std::optional(below(bound));
}

DeletionPlan any_deletion() {
  const int way = below(100);
  return {.way = way < kTombstonesPercent ? 3
                 : way < 30               ? 0
                 : way < 60               ? 1
                 : way < 80               ? 2
                                          : 4,
          .check = {.stream = below(kStreams.size()),
                    .kind = chance(50) ? 0 : below(4),
                    .off = chance(70) ? 0 : below(3) - 1},
          .amount = below(6) - 1,
          .with_age = chance(30)};
}

ReadPlan any_read() {
  return {.selector = below(4),
          .query = any_query(),
          .backwards = chance(50),
          .from = maybe_below(110),
          .to = maybe_below(110),
          .limit = maybe_below(20),
          .types = chance(70) ? 0 : below(1 << kTypes.size()),
          .prefix = chance(70) ? 0 : below(kPrefixes.size()),
          .include_system = chance(50),
          .copy = chance(30)};
}

template <std::size_t N>
std::vector<std::string> chosen(const std::array<std::string_view, N>& names, int bits) {
  std::vector<std::string> found;
  for (std::size_t index = 0; index < N; ++index) {
    if ((bits >> index & 1) != 0) found.emplace_back(names[index]);
  }
  return found;
}

template <std::size_t N>
std::string name_in(const std::array<std::string_view, N>& names, int index) {
  return std::string(names[static_cast<std::size_t>(index) % N]);
}

NewEvent event_of(const EventPlan& plan) {
  NewEvent event{.stream = name_in(kStreams, plan.stream),
                 .type = name_in(kTypes, plan.type),
                 .tags = chosen(kTags, plan.tags)};
  if (plan.id != 0) event.id = id_of(static_cast<std::uint64_t>(plan.id));
  event.data.assign(static_cast<std::size_t>(plan.data_bytes), '7');
  if (plan.binary) {
    event.format = PayloadFormat::Binary;
    event.data.push_back('\0');
    event.schema_version = 2;
    event.occurred_at = Timestamp{std::chrono::microseconds{plan.data_bytes}};
  }
  event.metadata.assign(static_cast<std::size_t>(plan.data_bytes % 50), 'm');
  if (event.type == "$metadata" && !plan.binary) event.data = name_in(kDocuments, plan.data_bytes);
  return event;
}

}  // namespace

ExpectedVersion expected_of(const CheckPlan& plan, const Model& model) {
  switch (plan.kind) {
    case 0:
      return ExpectedVersion::any();
    case 1:
      return ExpectedVersion::no_stream();
    case 2:
      return ExpectedVersion::stream_exists();
    default: {
      const auto version = model.version_of(name_in(kStreams, plan.stream)).value;
      return ExpectedVersion::exactly({version + static_cast<std::uint64_t>(plan.off)});
    }
  }
}

std::string stream_of(const CheckPlan& plan) {
  return name_in(kStreams, plan.stream);
}

namespace {

Query query_of(const QueryPlan& plan) {
  if (plan.all) return Query::everything();
  Query query;
  query.items.push_back({.types = chosen(kTypes, plan.types), .tags = chosen(kTags, plan.tags)});
  if (plan.two_items) query.items.push_back({.types = {"T1"}, .tags = {"z"}});
  return query;
}

Selector selector_of(const ReadPlan& plan) {
  const int name = plan.query.types;
  switch (plan.selector) {
    case 0:
      return SelectAll{};
    case 1:
      return SelectStream{name_in(kStreams, name)};
    case 2:
      return SelectCategory{name_in(kCategories, name)};
    default:
      return query_of(plan.query);
  }
}

struct Describe {
  std::ostream& out;

  void operator()(const AppendPlan& plan) const {
    out << "append";
    for (const EventPlan& event : plan.events) {
      out << ' ' << name_in(kStreams, event.stream) << ':' << name_in(kTypes, event.type) << " (id "
          << event.id << ", tags " << event.tags << ", " << event.data_bytes
          << (event.binary ? " bytes, binary)" : " bytes)");
    }
    for (const CheckPlan& check : plan.checks) {
      out << ", check " << name_in(kStreams, check.stream) << " kind " << check.kind << " off by "
          << check.off;
    }
    if (plan.condition) {
      out << ", unless ";
      describe(*plan.condition);
      out << " after head - " << plan.after;
    }
  }
  void operator()(const RetryPlan& plan) const {
    out << "again number " << plan.which << (plan.other_checks ? " with other checks" : "")
        << " without the last " << plan.events_left_out;
  }
  void operator()(const ReadPlan& plan) const {
    out << "read selector " << plan.selector << ", ";
    describe(plan.query);
    out << (plan.backwards ? " backwards" : "") << " from " << plan.from.value_or(-1) << "% to "
        << plan.to.value_or(-1) << "% limit " << plan.limit.value_or(-1) << " types " << plan.types
        << " prefix " << plan.prefix << (plan.include_system ? ", own too" : "")
        << (plan.copy ? ", copied" : "");
  }
  void operator()(const DeletionPlan& plan) const {
    out << "delete by way " << plan.way << " of " << stream_of(plan.check) << ", amount "
        << plan.amount << (plan.with_age ? " and an age" : "") << ", check kind " << plan.check.kind
        << " off by " << plan.check.off;
  }
  void operator()(const ChainPlan& plan) const {
    out << "chain" << (plan.ends_at_repetitions ? " that ends at repetitions" : "") << " of {";
    for (const AppendPlan& append : plan.appends) {
      (*this)(append);
      out << "; ";
    }
    out << (plan.first_again ? "the first again}" : "}");
  }
  void operator()(const ScavengePlan& /*plan*/) const { out << "scavenge"; }
  void operator()(const TimePlan& plan) const {
    out << plan.days << " days pass, then ";
    (*this)(AppendPlan{.events = {plan.event}, .checks = {}, .condition = {}});
  }
  void operator()(const ReopenPlan& plan) const {
    out << "reopen with segment size " << plan.segment_size;
  }

 private:
  void describe(const QueryPlan& plan) const {
    out << "query(types " << plan.types << ", tags " << plan.tags
        << (plan.two_items ? ", two items" : "") << (plan.all ? ", all)" : ")");
  }
};

}  // namespace

rc::Gen<Plan> any_plan() {
  return rc::gen::exec([]() -> Plan {
    const int kind = below(100);
    if (kind < 48) return any_append();
    if (kind < 53) return any_chain();
    if (kind < 63) {
      return RetryPlan{.which = below(50),
                       .other_checks = chance(50),
                       .events_left_out = chance(30) ? below(3) : 0};
    }
    if (kind < 85) return any_read();
    if (kind < 92) return any_deletion();
    if (kind < 94) return ScavengePlan{};
    if (kind < 97) return TimePlan{.days = below(60), .event = any_event()};
    return ReopenPlan{.segment_size = below(3)};
  });
}

std::ostream& operator<<(std::ostream& out, const Plan& plan) {
  std::visit(Describe{out}, plan);
  return out;
}

AppendRequest request_of(const AppendPlan& plan, const Model& model) {
  AppendRequest request{.system = true};
  for (const EventPlan& event : plan.events) request.events.push_back(event_of(event));
  for (const CheckPlan& check : plan.checks) {
    request.checks.push_back(
        {.stream = name_in(kStreams, check.stream), .expected = expected_of(check, model)});
  }
  if (plan.condition) {
    const auto head = static_cast<std::int64_t>(model.head().value);
    const auto after = std::max<std::int64_t>(head - plan.after, 0);
    request.condition =
        AppendCondition{query_of(*plan.condition), {static_cast<std::uint64_t>(after)}};
  }
  return request;
}

ReadRequest request_of(const ReadPlan& plan, const Model& model) {
  const auto at = [&](int percent) {
    return model.head().value * static_cast<std::uint64_t>(percent) / 100;
  };
  ReadRequest request{.selector = selector_of(plan),
                      .direction = plan.backwards ? Direction::Backwards : Direction::Forwards,
                      .types = chosen(kTypes, plan.types),
                      .stream_prefix = name_in(kPrefixes, plan.prefix),
                      .include_system = plan.include_system,
                      .copy = plan.copy};
  if (plan.from) request.from = at(*plan.from);
  if (plan.to) request.to = at(*plan.to);
  if (plan.limit) request.limit = static_cast<std::uint64_t>(*plan.limit);
  return request;
}

}  // namespace eventstore::test
