#include "campaigns/known_appends.hpp"

#include <charconv>
#include <span>
#include <vector>

#include "campaigns/violation.hpp"
#include "core/seeded_random.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

// Which append an event is of is written into its id.
constexpr std::uint64_t kWriterFactor = std::uint64_t{1} << 44;
constexpr std::uint64_t kNumberFactor = 16;

std::string name_of(AppendNumber number) {
  return "append " + std::to_string(number.number) + " of writer " + std::to_string(number.writer);
}

// Takes a number off the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

bool is_the_event(const NewEvent& sent, const EventView& view, bool is_last) {
  return view.stream == sent.stream && view.type == sent.type && view.id == sent.id &&
         view.data == sent.data && view.last_of_append == is_last;
}

}  // namespace

AppendRequest known_append(std::uint64_t seed, AppendNumber number) {
  SeededRandom random(mix_bits(seed + number.writer * kWriterFactor + number.number));
  AppendRequest request;
  const auto count = 1 + random.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& event = request.events.emplace_back(
        event_of("w" + std::to_string(number.writer) + "-" + std::to_string(random.below(5)),
                 "T" + std::to_string(random.below(3)),
                 id_of(number.writer * kWriterFactor + number.number * kNumberFactor + i + 1)));
    event.data.resize(random.below(random.chance(1, 8) ? 6000 : 800));
    random.fill(std::as_writable_bytes(std::span(event.data)));
    event.format = PayloadFormat::Binary;
  }
  return request;
}

std::string tries_line(AppendNumber number) {
  return "t " + std::to_string(number.writer) + " " + std::to_string(number.number) + "\n";
}

std::string acknowledged_line(AppendNumber number, GlobalPosition last_position) {
  return "a " + std::to_string(number.writer) + " " + std::to_string(number.number) + " " +
         std::to_string(last_position.value) + "\n";
}

void AppendLedger::take_output(std::string_view output) {
  for (auto end = output.find('\n'); end != std::string_view::npos; end = output.find('\n')) {
    take_line(output.substr(0, end));
    output.remove_prefix(end + 1);
  }
}

void AppendLedger::take_line(std::string_view line) {
  const bool is_try = line.starts_with("t ");
  if (!is_try && !line.starts_with("a ")) return;
  line.remove_prefix(2);
  const auto writer = take_number(line);
  const auto number = take_number(line);
  if (!writer || !number || *writer >= kWriters) return;
  const AppendNumber append{.writer = *writer, .number = *number};
  if (is_try) {
    tries(append);
  } else if (const auto last = take_number(line)) {
    acknowledged(append, {*last});
  }
}

void AppendLedger::tries(AppendNumber number) {
  auto& known = appends_[number];
  if (known.state == State::Absent) known.state = State::InDoubt;
  next_.at(number.writer) = number.number + 1;
}

void AppendLedger::acknowledged(AppendNumber number, GlobalPosition last_position) {
  appends_[number] = {.state = State::Acknowledged, .last_position = last_position};
  ++acknowledged_count_;
}

void AppendLedger::failed(AppendNumber number) {
  appends_[number] = {.state = State::Absent};
}

void AppendLedger::check(EventStore& store) {
  std::map<AppendNumber, GlobalPosition> found;  // with their last positions
  const auto cursor = value_of(store.read({.include_system = true}));
  std::vector<NewEvent> expected;  // what is left of the append that is being read
  AppendNumber current;
  GlobalPosition position;
  for (auto batch = value_of(cursor->next()); !batch.empty(); batch = value_of(cursor->next())) {
    for (const auto& view : batch) {
      if (view.position.value != position.value + 1) throw Violation{"the positions have a hole"};
      position = view.position;
      if (expected.empty()) {
        std::uint64_t id = 0;
        for (std::size_t i = 8; i < 16; ++i) {
          id = id << 8 | std::to_integer<std::uint64_t>(view.id.bytes.at(i));
        }
        id &= (std::uint64_t{1} << 60) - 1;  // the rest is the form of a version 4
        current = {.writer = id / kWriterFactor, .number = id % kWriterFactor / kNumberFactor};
        if (!appends_.contains(current)) throw Violation{"there is what nobody appended"};
        if (found.contains(current)) throw Violation{name_of(current) + " is there twice"};
        expected = known_append(seed_, current).events;
      }
      if (!is_the_event(expected.front(), view, expected.size() == 1)) {
        throw Violation{"position " + std::to_string(position.value) + ", of " + name_of(current) +
                        ", is not what was appended"};
      }
      expected.erase(expected.begin());
      found[current] = position;
    }
  }
  if (!expected.empty()) throw Violation{name_of(current) + " is there in part"};
  for (auto& [number, known] : appends_) {
    const auto there = found.find(number);
    const bool is_there = there != found.end();
    if (known.state == State::Acknowledged) {
      if (!is_there) throw Violation{name_of(number) + " was acknowledged and is gone"};
      if (known.last_position.value != 0 && there->second != known.last_position) {
        throw Violation{name_of(number) + " is not where the answer said"};
      }
    } else if (known.state == State::Absent && is_there) {
      throw Violation{name_of(number) + " was not there before"};
    }
    known.state = is_there ? State::Acknowledged : State::Absent;
    if (is_there) known.last_position = there->second;
  }
  const auto verified = value_of(store.verify());
  if (!verified.findings.empty()) {
    throw Violation{"verify: " + verified.findings.front().message};
  }
}

}  // namespace eventstore::test
