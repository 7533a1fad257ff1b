#include "simulation/store_checks.hpp"

#include <utility>

#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using Problem = std::optional<std::string>;

Problem compare_read(EventStore& store, const Model& model, const ReadRequest& request,
                     const std::string& what) {
  const auto actual = try_read(store, request);
  if (!actual) return what + ": " + actual.error().message;
  const auto expected = model.read(request);
  if (!expected) return what + ": the model refuses";
  if (auto problem = difference(*expected, actual->events)) return what + ": " + *problem;
  return std::nullopt;
}

Problem compare_streams(EventStore& store, const Model& model, SeededRandom& random) {
  const ListStreamsRequest all{.limit = 1'000'000, .include_system = true, .include_deleted = true};
  const auto streams = store.list_streams(all);
  if (!streams) return "listing: " + streams.error().message;
  if (*streams != model.list_streams(all)) return "the streams are not the model's";
  const ListStreamsRequest some{.limit = 1 + random.below(10)};
  const auto first = store.list_streams(some);
  if (!first) return "listing: " + first.error().message;
  if (*first != model.list_streams(some)) return "the streams that are not deleted are others";
  for (const auto& stream : *streams) {
    if (auto problem =
            compare_read(store, model, {.selector = SelectStream{stream.stream}}, stream.stream)) {
      return problem;
    }
    const ReadRequest back{.selector = SelectStream{stream.stream},
                           .direction = Direction::Backwards,
                           .from = 1 + random.below(stream.version.value)};
    if (auto problem = compare_read(store, model, back, stream.stream + " backwards")) {
      return problem;
    }
  }
  return std::nullopt;
}

// A few events are looked up by id.
Problem compare_ids(EventStore& store, const Model& model, SeededRandom& random) {
  const auto& events = model.events();
  for (int i = 0; i < 5 && !events.empty(); ++i) {
    const auto& event = events[random.below(events.size())];
    const auto found = store.find(event.stream, std::vector{event.id});
    if (!found) return "find: " + found.error().message;
    if (found->front() != EventLocation{.position = event.position, .version = event.version}) {
      return "an id is not where its event is";
    }
  }
  return std::nullopt;
}

Problem compare_times(const std::vector<RecordedEvent>& events) {
  for (std::size_t i = 1; i < events.size(); ++i) {
    if (events[i].recorded_at < events[i - 1].recorded_at) return "recorded_at goes back";
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<RecordedEvent>> read_all(EventStore& store, std::uint64_t from) {
  auto read = try_read(store, {.from = from, .include_system = true});
  if (!read) return std::unexpected(std::move(read).error());
  return std::move(read->events);
}

Problem first_disagreement(EventStore& store, const Model& model, SeededRandom& random) {
  if (auto problem = compare_times(model.visible())) return problem;
  if (auto problem = compare_streams(store, model, random)) return problem;
  const auto number = [&](std::uint64_t bound) { return std::to_string(random.below(bound)); };
  const auto direction = random.chance(1, 2) ? Direction::Forwards : Direction::Backwards;
  const std::vector<ReadRequest> requests = {
      {.direction = Direction::Backwards, .include_system = true},
      {.selector = SelectCategory{"s" + number(3)}, .direction = direction},
      {.selector = Query::of({{.types = {"T" + number(4)}, .tags = {"t" + number(5)}},
                              {.types = {}, .tags = {"t" + number(5)}}}),
       .direction = direction},
      {.from = 1 + random.below(model.head().value + 1), .types = {"T" + number(4)}}};
  for (const auto& request : requests) {
    if (auto problem = compare_read(store, model, request, "a filtered read")) return problem;
  }
  if (auto problem = compare_ids(store, model, random)) return problem;
  const auto stats = store.stats();
  if (!stats) return "stats: " + stats.error().message;
  if (stats->events != model.visible().size()) return "the store counts other events";
  if (stats->streams != model.stream_count()) return "the store counts other streams";
  const auto verified = store.verify();
  if (!verified) return "verify: " + verified.error().message;
  if (!verified->findings.empty()) return "verify: " + verified->findings.front().message;
  return std::nullopt;
}

}  // namespace eventstore::test
