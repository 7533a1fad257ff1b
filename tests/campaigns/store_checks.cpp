#include "campaigns/store_checks.hpp"

#include <sstream>
#include <utility>

#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using Problem = std::optional<std::string>;

Problem compare_read(EventStore& store, const Model& model, const ReadRequest& request,
                     const std::string& what) {
  auto problem = test::compare_read(store, model, request);
  if (problem) *problem = what + ": " + *problem;
  return problem;
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
  // All of them now and then, a third otherwise: reading everything is done besides.
  const bool all_streams = random.chance(1, 4);
  for (const auto& stream : *streams) {
    if (!all_streams && random.chance(2, 3)) continue;
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
    if (event.id.is_nil()) continue;  // made by the store, and deleted before it could be learned
    const auto found = store.find(event.stream, std::vector{event.id});
    if (!found) return "find: " + found.error().message;
    if (found->front() != model.find(event.stream, event.id)) {
      return "an id is not where its event is";
    }
  }
  return std::nullopt;
}

Problem compare_times(const std::vector<const RecordedEvent*>& events) {
  Timestamp last;
  for (const auto* event : events) {
    if (event->recorded_at == Timestamp{}) continue;  // not known yet
    if (event->recorded_at < last) {
      return "recorded_at goes back at position " + std::to_string(event->position.value);
    }
    last = event->recorded_at;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> compare_read(EventStore& store, const Model& model,
                                        const ReadRequest& request,
                                        const std::function<void(const EventView&)>& visit) {
  const auto expected = model.select(request);
  if (!expected) return "the model refuses";
  const auto cursor = store.read(request);
  if (!cursor) return cursor.error().message;
  std::size_t index = 0;
  for (;;) {
    const auto batch = (*cursor)->next();
    if (!batch) return batch.error().message;
    if (batch->empty()) break;
    for (const auto& event : *batch) {
      if (index == expected->size()) return "there are more events than there should be";
      const auto& wanted = *(*expected)[index++];
      if (same_event(wanted, event)) {
        if (visit) visit(event);
        continue;
      }
      std::ostringstream out;
      PrintTo(wanted, &(out << "event " << index - 1 << " should be ["));
      PrintTo(RecordedEvent(event), &(out << "] and is ["));
      out << ']';
      return out.str();
    }
  }
  if (index == expected->size()) return std::nullopt;
  return "there should be " + std::to_string(expected->size()) + " events, there are " +
         std::to_string(index);
}

Problem first_disagreement(EventStore& store, const Model& model, SeededRandom& random) {
  const auto visible = *model.select({.include_system = true});
  if (auto problem = compare_times(visible)) return problem;
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
  if (stats->events != visible.size()) return "the store counts other events";
  if (stats->streams != model.stream_count()) return "the store counts other streams";
  const auto verified = store.verify();
  if (!verified) return "verify: " + verified.error().message;
  if (!verified->findings.empty()) return "verify: " + verified->findings.front().message;
  return std::nullopt;
}

}  // namespace eventstore::test
