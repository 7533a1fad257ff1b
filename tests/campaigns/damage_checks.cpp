#include "campaigns/damage_checks.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "campaigns/damaged_machine.hpp"
#include "log/folder.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

std::string describe(const ReadRequest& request) {
  std::string text = request.direction == Direction::Forwards ? "forwards" : "backwards";
  if (const auto* const stream = std::get_if<SelectStream>(&request.selector)) {
    text += ", stream " + stream->stream;
  } else if (const auto* const category = std::get_if<SelectCategory>(&request.selector)) {
    text += ", category " + category->category;
  } else if (std::holds_alternative<Query>(request.selector)) {
    text += ", a query";
  }
  if (request.from) text += ", from " + std::to_string(*request.from);
  if (request.to) text += ", to " + std::to_string(*request.to);
  return request.types.empty() ? text : text + ", of types";
}

// The model as it was when `end` was its head.
Model model_up_to(const Model& model, GlobalPosition end) {
  Model earlier;
  AppendRequest request{.system = true};
  for (const auto& event : std::span(model.events()).first(end.value)) {
    NewEvent again{.stream = event.stream, .type = event.type};
    if (!event.id.is_nil()) again.id = event.id;
    again.data = event.data;
    again.metadata = event.metadata;
    again.tags = event.tags;
    again.format = event.format;
    again.schema_version = event.schema_version;
    again.occurred_at = event.occurred_at;
    request.events.push_back(std::move(again));
    if (!event.last_of_append) continue;
    static_cast<void>(earlier.apply(request));  // as it did
    request.events.clear();
  }
  return earlier;
}

// Asks one opened store.
class DamagedStore {
 public:
  DamagedStore(log::LogStore& store, const BeforeDamage& before, bool read_only, Tally& tally)
      : store_(store), before_(before), read_only_(read_only), tally_(tally), model_(before.model) {
    for (const auto& event : before.model.events()) bounded_.insert(bounded_stream(event));
    for (const auto& event : before.model.events()) {
      if (!may_be_lost(event.position)) continue;
      // How many events of a stream are too many is counted from its newest one.
      for (const auto& stream : {bounded_stream(event), event.stream}) {
        if (bounded_.contains(stream)) unbounded_.insert(stream);
      }
    }
  }

  void check() {
    check_head();
    check_selectors();
    check_each_position();
    check_lookups();
    check_verification();
    if (!read_only_) check_append();
  }

 private:
  using Request = ReadRequest;

  bool manifest_is_damaged() const {
    return before_.damage.is_damaged(log::manifest_path("store"));
  }
  bool head_is_damaged() const { return before_.damage.is_damaged(log::head_path("store")); }

  // HEAD tells how far the log was durable. Where it is damaged too, the end of the log is not to
  // be told from an append that was torn, nor, for a reader, from one that is not yet durable.
  void check_head() {
    const auto head = store_.head();
    if (!head) return is_reported(head.error(), "head");
    const auto whole = before_.model.head();
    if (*head == whole) return;
    if (*head < whole) model_ = model_up_to(before_.model, *head);
    if (*head < whole && head_is_damaged() &&
        (read_only_ || before_.damage.touches({head->value + 1}))) {
      tally_.add("ends taken for torn, HEAD being damaged too");
      return;
    }
    if (*head > whole && read_only_ && head_is_damaged()) return;  // reads beyond it fail
    // Of a last segment that cannot be opened one event counts at least, which fails as well.
    const bool is_lost =
        read_only_ && (before_.damage.last_segment_is_damaged() || manifest_is_damaged());
    if (is_lost && head->value == whole.value + 1) return;
    throw Violation{"the head is " + std::to_string(head->value) + ", not " +
                    std::to_string(whole.value)};
  }

  // Whether nobody may know of an event any more.
  bool may_be_lost(GlobalPosition position) const {
    return before_.damage.touches(position) || manifest_is_damaged() || !before_.misplaced.empty();
  }

  // The stream that the event says something is deleted of; empty: of none.
  static std::string bounded_stream(const RecordedEvent& event) {
    if (event.type == "$tombstone") return event.stream;
    return event.stream.starts_with("$$") ? event.stream.substr(2) : std::string{};
  }

  // What says that something is deleted may be lost: whoever only reads then sees it again. Where
  // anything is lost, what lifts a retention may be, and no retention counts.
  bool may_know_less(std::string_view stream) const {
    return read_only_ &&
           (unbounded_.contains(stream) || (is_anything_lost() && bounded_.contains(stream)));
  }
  // Of a last segment that cannot be opened one event counts at least.
  bool is_anything_lost() const {
    return before_.damage.touches_any() || before_.damage.last_segment_is_damaged();
  }
  bool may_come_back(const EventView& event) {
    const auto& events = model_.events();
    if (event.position.value > events.size() || !may_know_less(event.stream)) return false;
    if (!same_event(events[event.position.value - 1], event)) return false;
    tally_.add("deleted events that damage brought back");
    return true;
  }

  void check_selectors() {
    const auto& events = model_.events();
    std::vector<Request> requests = {
        {.include_system = true},
        {.direction = Direction::Backwards, .include_system = true},
        {.from = 1 + model_.head().value / 2, .include_system = true},
        {.types = {"T1", "T3"}},
        {.selector = Query::of({{.types = {"T0"}, .tags = {"t1"}}, {.types = {}, .tags = {"t2"}}})},
        {.selector = Query::of({{.types = {}, .tags = {"t0"}}}),
         .direction = Direction::Backwards}};
    for (const auto* category : {"s0", "s1", "s2"}) {
      requests.push_back({.selector = SelectCategory{category}});
    }
    const ListStreamsRequest all{.limit = 1000, .include_system = true, .include_deleted = true};
    for (const auto& stream : model_.list_streams(all)) {
      requests.push_back({.selector = SelectStream{stream.stream}});
      requests.push_back(
          {.selector = SelectStream{stream.stream}, .direction = Direction::Backwards});
      requests.push_back(
          {.selector = SelectStream{stream.stream}, .from = 1 + stream.version.value / 2});
    }
    if (!events.empty()) {
      requests.push_back({.selector = SelectStream{events.back().stream}, .types = {"T2"}});
    }
    for (const auto& request : requests) check_read(request);
  }

  // What comes must be what should come, in order and without a gap, up to its end or an error.
  // True: all of it came.
  bool check_read(const Request& request) {
    tally_.add("reads of damaged stores");
    const auto expected = *model_.select(request);
    const auto cursor = store_.read(request);
    if (!cursor) return is_reported(cursor.error(), "opening a read"), false;
    std::size_t index = 0;
    for (;;) {
      const auto batch = (*cursor)->next();
      if (!batch) return is_reported(batch.error(), "a read"), false;
      if (batch->empty()) break;
      for (const auto& event : *batch) {
        if (index < expected.size() && same_event(*expected[index], event)) {
          ++index;
          continue;
        }
        if (may_come_back(event)) continue;
        throw Violation{
            "a wrong answer without an error: position " + std::to_string(event.position.value) +
            " (stream " + std::string(event.stream) + ") comes where " +
            (index < expected.size() ? std::to_string(expected[index]->position.value) + " should"
                                     : "nothing should") +
            " (" + describe(request) + ")"};
      }
    }
    if (index == expected.size()) return true;
    throw Violation{"a read ends without an error before position " +
                    std::to_string(expected[index]->position.value) + " of " +
                    std::to_string(model_.head().value) + " (" + describe(request) + ")"};
  }

  void check_each_position() {
    for (const auto& event : model_.events()) {
      const auto place = event.position.value;
      const bool whole = check_read({.from = place, .to = place, .include_system = true});
      if (whole || before_.damage.touches(event.position)) continue;
      // Whether it is deleted is not to be found out.
      if (unbounded_.contains(event.stream)) continue;
      // Nobody else knows which segments there are.
      if (manifest_is_damaged()) continue;
      // The index is looked at when it is used; what it fails for is in the log all the same.
      if (last_error_.find(".post at byte") != std::string::npos) {
        tally_.add("positions not readable for a damaged posting file");
        continue;
      }
      // A frame that is whole and in a wrong place can hide the ones before it from a scan.
      if (is_about_misplaced(last_error_)) {
        tally_.add("positions hidden by a frame in a wrong place");
        continue;
      }
      throw Violation{"position " + std::to_string(place) +
                      " is not damaged and not readable: " + last_error_};
    }
  }

  bool is_about_misplaced(const std::string& message) const {
    return std::ranges::any_of(before_.misplaced, [&](const std::string& path) {
      return message.find(path) != std::string::npos;
    });
  }

  void check_lookups() {
    for (std::size_t i = 0; i < model_.events().size(); i += 7) {
      const auto& event = model_.events()[i];
      if (event.id.is_nil()) continue;
      const auto found = store_.find(event.stream, std::vector{event.id});
      if (!found) {
        is_reported(found.error(), "find");
      } else if (found->front() != model_.find(event.stream, event.id)) {
        throw Violation{"find: a wrong answer without an error"};
      }
    }
    const ListStreamsRequest all{.limit = 1000, .include_system = true, .include_deleted = true};
    const auto expected = model_.list_streams(all);
    check_list(all, expected);
    for (const auto& stream : expected) {
      const auto info = store_.stream_info(stream.stream);
      if (!info) {
        is_reported(info.error(), "stream_info");
      } else if (*info != stream && !may_know_less(stream.stream)) {
        throw Violation{"stream_info: a wrong answer without an error"};
      }
    }
    const auto stats = store_.stats();
    const bool may_know_less_of_some = read_only_ && (is_anything_lost() || !unbounded_.empty());
    if (!stats) {
      is_reported(stats.error(), "stats");
    } else if (!head_is_damaged() && !may_know_less_of_some &&
               stats->events != model_.select({.include_system = true})->size()) {
      throw Violation{"stats: a wrong answer without an error"};
    }
  }

  void check_list(const ListStreamsRequest& request, const std::vector<StreamInfo>& expected) {
    const auto streams = store_.list_streams(request);
    if (!streams) return is_reported(streams.error(), "list_streams");
    const auto is_same = [&](const StreamInfo& one, const StreamInfo& other) {
      return one == other || (one.stream == other.stream && may_know_less(one.stream));
    };
    if (!std::ranges::equal(*streams, expected, is_same)) {
      throw Violation{"list_streams: a wrong answer without an error"};
    }
  }

  void check_verification() {
    const auto report = store_.verify();
    if (!report) return is_reported(report.error(), "verify");
    const auto& damage = before_.damage;
    for (const auto& finding : report->findings) {
      // Where the manifest is damaged, it is the others that do not fit it.
      bool is_by_other = head_is_damaged() || manifest_is_damaged();
      // A frame that is whole and in a wrong place is not where the posting file says.
      if (finding.where.file.ends_with(".post") && !before_.misplaced.empty()) is_by_other = true;
      if (!damage.is_damaged(finding.where.file) && !is_by_other) {
        throw Violation{"verification accuses a file that is whole: " + finding.message};
      }
    }
    for (const auto& path : damage.damaged_segments()) {
      const auto names = std::ranges::any_of(report->findings, [&](const Finding& finding) {
        const auto& where = finding.where;
        return where.file == path &&
               damage.explains(path, where.offset, where.first_position, where.last_position);
      });
      if (names) {
        tally_.add("damaged segments named by verification");
      } else if (model_.head() == before_.model.head() && !manifest_is_damaged()) {
        throw Violation{"verification does not name the damage of " + path};
      }
    }
  }

  // Whoever may write finds that what is acknowledged now is there.
  void check_append() {
    auto request = append_to("after-damage");
    request.events.front().id = id_of(1'000'000);
    const auto answer = store_.append(std::move(request));
    if (!answer) return is_reported(answer.error(), "append");
    const auto place = answer->first_position.value;
    const auto read = try_read(store_, {.from = place, .to = place});
    if (!read || read->events.size() != 1 || read->events.front().stream != "after-damage") {
      throw Violation{"an append to a damaged store cannot be read back"};
    }
    tally_.add("damaged stores that took an append");
  }

  // An error must name a file that is damaged.
  void is_reported(const Error& error, const char* of) {
    last_error_ = error.message;
    tally_.add("errors reported");
    const bool names = std::ranges::any_of(before_.damage.damaged_files(), [&](const auto& path) {
      return error.message.find(path) != std::string::npos;
    });
    if (names || head_is_damaged() || manifest_is_damaged()) return;
    throw Violation{std::string(of) + " fails without naming what is damaged: " + error.message};
  }

  log::LogStore& store_;
  const BeforeDamage& before_;
  const bool read_only_;
  Tally& tally_;
  std::string last_error_;
  Model model_;                                 // what is to be there
  std::set<std::string, std::less<>> bounded_;  // of these streams something is deleted
  std::set<std::string, std::less<>>
      unbounded_;  // of these streams it may not be known what is deleted
};

}  // namespace

void check_damaged_store(const SimulatedDisk& damaged, const BeforeDamage& before, bool read_only,
                         Tally& tally) {
  DamagedMachine machine(damaged, before);
  const auto opened = machine.open(read_only);
  if (opened) {
    tally.add(read_only ? "damaged stores opened for reading" : "damaged stores opened");
    DamagedStore(**opened, before, read_only, tally).check();
    return;
  }
  tally.add(read_only ? "damaged stores refused for reading" : "damaged stores refused");
  const auto& error = opened.error();
  const bool names = std::ranges::any_of(before.damage.damaged_files(), [&](const auto& path) {
    return error.message.find(path) != std::string::npos;
  });
  // Where the manifest is damaged, it may be the others that do not fit it.
  const auto is_damaged = [&](const std::string& path) { return before.damage.is_damaged(path); };
  const bool by_manifest = is_damaged(log::manifest_path("store"));
  const bool by_head = is_damaged(log::head_path("store"));
  if (!names && !by_manifest && !by_head) {
    throw Violation{"the store is refused without naming what is damaged: " + error.message};
  }
  // Only what says which segments there are, or the one that is written to, can stop a reader.
  if (read_only && !by_manifest && !by_head && !before.damage.last_segment_is_damaged()) {
    throw Violation{"a reader is refused although it could read: " + error.message};
  }
}

}  // namespace eventstore::test
