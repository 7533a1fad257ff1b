#include "eventstore/builtin_projections.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

#include "eventstore/json_document.hpp"
#include "eventstore/time.hpp"

namespace eventstore {
namespace {

struct TypeCount {
  std::uint64_t count = 0;
};

// Of one stream.
struct Activity {
  std::uint64_t count = 0;
  Timestamp first_at;
  Timestamp last_at;
};

std::optional<Timestamp> time_in(const nlohmann::json& document, const char* member) {
  return parse_timestamp(document.at(member).get<std::string>());
}

// Events a day between the first and the last one.
double events_per_day(const Activity& activity) {
  using Days = std::chrono::duration<double, std::chrono::days::period>;
  const Days between = activity.last_at - activity.first_at;
  return between.count() > 0 ? static_cast<double>(activity.count - 1) / between.count() : 0;
}

}  // namespace

template <>
struct DocumentCodec<TypeCount> {
  static std::string encode(const TypeCount& value) {
    return "{\"count\":" + std::to_string(value.count) + '}';
  }
  static Result<TypeCount> decode(std::string_view text) {
    try {
      return TypeCount{.count = nlohmann::json::parse(text).at("count")};
    } catch (const nlohmann::json::exception& error) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = std::string("a document is no count of events: ") + error.what()});
    }
  }
};

template <>
struct DocumentCodec<Activity> {
  static std::string encode(const Activity& value) {
    return "{\"count\":" + std::to_string(value.count) + ",\"first_at\":\"" +
           format_timestamp(value.first_at) + "\",\"last_at\":\"" +
           format_timestamp(value.last_at) +
           "\",\"events_per_day\":" + nlohmann::json(events_per_day(value)).dump() + '}';
  }
  static Result<Activity> decode(std::string_view text) {
    const auto invalid = [](const char* why) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = std::string("a document is no stream's activity: ") + why});
    };
    try {
      const auto document = nlohmann::json::parse(text);
      const auto first = time_in(document, "first_at");
      const auto last = time_in(document, "last_at");
      if (!first || !last) return invalid("a time cannot be read");
      return Activity{.count = document.at("count"), .first_at = *first, .last_at = *last};
    } catch (const nlohmann::json::exception& error) {
      return invalid(error.what());
    }
  }
};

namespace {

class EventTypeCount final : public Projection {
 public:
  static constexpr std::string_view kName = "event-type-count";

  std::string_view name() const override { return kName; }
  std::string_view partition_key(const EventView& event) const override { return event.type; }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    auto counted = context.edit<TypeCount>(event.type);
    if (!counted) return std::unexpected(std::move(counted).error());
    ++(*counted)->count;
    return {};
  }
};

class StreamActivity final : public Projection {
 public:
  static constexpr std::string_view kName = "stream-activity";

  std::string_view name() const override { return kName; }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    auto activity = context.edit<Activity>(event.stream);
    if (!activity) return std::unexpected(std::move(activity).error());
    if ((*activity)->count == 0) (*activity)->first_at = event.recorded_at;
    ++(*activity)->count;
    (*activity)->last_at = event.recorded_at;
    return {};
  }
};

}  // namespace

std::vector<std::string> builtin_projection_names() {
  return {std::string(EventTypeCount::kName), std::string(StreamActivity::kName)};
}

std::unique_ptr<Projection> make_builtin_projection(std::string_view name) {
  if (name == EventTypeCount::kName) return std::make_unique<EventTypeCount>();
  if (name == StreamActivity::kName) return std::make_unique<StreamActivity>();
  return nullptr;
}

}  // namespace eventstore
