#include "cli/import_batch.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "eventstore/deletion.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore::cli {
namespace {

// So that some batches fit into memory at a time. An event of any size has room in one of its own.
constexpr std::size_t kBatchBytesMax = std::size_t{32} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The memory that an event and its line take in a batch, about.
std::size_t memory_of(const NewEvent& event, std::string_view line) {
  const auto tags = std::accumulate(event.tags.begin(), event.tags.end(), std::size_t{0},
                                    [](std::size_t bytes, const std::string& tag) {
                                      return bytes + sizeof(std::string) + tag.size();
                                    });
  return sizeof(ImportBatch::Line) + line.size() + sizeof(event) + event.stream.size() +
         event.type.size() + tags + event.metadata.size() + event.data.size();
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

bool is_system(const NewEvent& event) {
  return is_system_name(event.stream) || is_system_name(event.type);
}

// What to say of a line that could not be parsed, where it is an event in another form.
std::string hint_of_form(std::string_view line) {
  if (parse_cloud_event(line)) return "; this looks like a CloudEvent: --format cloudevents";
  if (parse_ndjson_event(line)) return "; this looks like an event in NDJSON: --format ndjson";
  return "";
}

// Leaves out the elements of `values` whose places are in `places` (ascending).
template <typename T>
void erase_places(std::vector<T>& values, const std::vector<std::size_t>& places) {
  std::size_t kept = 0;
  auto next = places.begin();
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (next != places.end() && *next == at) {
      ++next;
      continue;
    }
    if (kept != at) values[kept] = std::move(values[at]);
    ++kept;
  }
  values.resize(kept);
}

}  // namespace

NewEvent parse_again(const ImportForm& form, const ImportBatch& batch,
                     const ImportBatch::Line& line) {
  auto event = form.parse(batch.line_text(line)).value();  // it could be parsed before
  forget_truncation(event);
  event.id = line.id;
  return event;
}

std::optional<BadLine> find_bad_line(const ImportForm& form, const ImportBatch& batch) {
  for (const auto& line : batch.lines) {
    const auto event = parse_again(form, batch, line);
    if (is_system(event) && !form.allow_system) {
      return BadLine{line.number,
                     "stream and type must not start with '$': that is for the store's own events, "
                     "which only --system takes in"};
    }
    const auto valid = validate(event);
    if (!valid) return BadLine{line.number, valid.error().message};
  }
  return std::nullopt;
}

Expected<std::optional<ImportBatch>> ImportBatcher::next() {
  auto batch = std::exchange(waiting_, {});
  batch.events.reserve(form_.batch_events_max < 100'000 ? form_.batch_events_max : 0);
  while (!is_full(batch)) {
    const auto line = lines_.next();
    if (!line) return std::unexpected(first_bad(batch, line.error()));
    if (!*line) break;
    auto text = **line;
    if (lines_.line_number() == 1 && text.starts_with(kByteOrderMark)) {
      text.remove_prefix(kByteOrderMark.size());
    }
    if (is_blank(text)) continue;
    const auto added = add_line(batch, text);
    if (!added) return std::unexpected(added.error());
  }
  if (batch.events.empty()) return std::nullopt;
  const auto dropped = drop_repeated_lines(batch);
  if (!dropped) return std::unexpected(dropped.error());
  return batch;
}

bool ImportBatcher::is_full(const ImportBatch& batch) const {
  return !waiting_.events.empty() || batch.events.size() >= form_.batch_events_max;
}

// Adds the line to `batch`, or to the next one where this has no room.
Expected<void> ImportBatcher::add_line(ImportBatch& batch, std::string_view line) {
  auto event = form_.parse(line);
  if (!event) {
    const BadLine bad{lines_.line_number(), event.error().message + hint_of_form(line)};
    return std::unexpected(first_bad(batch, bad_line_failure(input_.name(), bad)));
  }
  forget_truncation(*event);
  assign_id(*event, line);

  const auto bytes = memory_of(*event, line);
  const bool has_room = batch.events.empty() || batch.bytes + bytes <= kBatchBytesMax;
  auto& target = has_room ? batch : waiting_;
  target.lines.push_back({.number = lines_.line_number(),
                          .offset = target.text.size(),
                          .bytes = line.size(),
                          .id = *event->id});
  target.text += line;
  target.bytes += bytes;
  target.events.push_back(*std::move(event));
  return {};
}

// What is to be told where the input is bad behind `batch`: the store's refusals come first where
// they concern lines before.
Failure ImportBatcher::first_bad(const ImportBatch& batch, const Failure& later) const {
  if (later.code != "bad_input") return later;
  const auto earlier = find_bad_line(form_, batch);
  return earlier ? bad_line_failure(input_.name(), *earlier) : later;
}

void ImportBatcher::assign_id(NewEvent& event, std::string_view line) {
  if (event.id) return;
  event.id = derive_event_id(line, 1);
  const auto ordinal = ordinals_.next(*event.id);
  if (ordinal > 1) event.id = derive_event_id(line, ordinal);
}

// A batch with the same id twice in a stream would be refused whole. The second line is left out if
// it says the same, and is an error if it does not.
Expected<void> ImportBatcher::drop_repeated_lines(ImportBatch& batch) const {
  std::vector<std::size_t> order(batch.lines.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) { return std::pair(batch.lines[at].id, at); });

  std::vector<std::size_t> repeated;
  for (std::size_t at = 1; at < order.size(); ++at) {
    const auto& line = batch.lines[order[at]];
    // Equal ids are neighbours; between them may be some of other streams.
    for (std::size_t behind = at; behind > 0; --behind) {
      const auto earlier = behind - 1;
      if (batch.lines[order[earlier]].id != line.id) break;
      const auto& event = batch.events[order[at]];
      const auto& before = batch.events[order[earlier]];
      if (event.stream != before.stream) continue;
      if (!same_contents(event, before)) {
        return std::unexpected(bad_line_failure(
            input_.name(),
            {line.number,
             fmt::format("the id {} is that of line {} too, in the same stream, and the "
                         "events differ; give one of them another id",
                         line.id.to_string(), batch.lines[order[earlier]].number)}));
      }
      repeated.push_back(order[at]);
      break;
    }
  }
  if (repeated.empty()) return {};
  std::ranges::sort(repeated);
  erase_places(batch.lines, repeated);
  erase_places(batch.events, repeated);
  batch.repeated_lines = repeated.size();
  return {};
}

}  // namespace eventstore::cli
