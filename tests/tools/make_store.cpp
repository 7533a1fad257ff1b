// Makes a store for read_store_test.py: `make_store FOLDER` appends events of every hostile kind,
// in segments as small as can be, and prints the lines that a reader of the store should print, the
// store's own events included. `make_store --read FOLDER` prints those of a store that is there,
// `make_store --delete FOLDER` after it has deleted some of its streams, `make_store --scavenge
// FOLDER` after it has freed their space, too.

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/open.hpp"
#include "eventstore/text.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using std::string_literals::operator""s;

std::string nested(std::size_t depth, std::string_view innermost) {
  return std::string(depth, '[') + std::string(innermost) + std::string(depth, ']');
}

// Bytes that are JSON, almost JSON, and anything but.
std::vector<std::string> hostile_payloads() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return {
      "",
      "{}",
      "null",
      "NaN",
      "Infinity",
      "[-Infinity]",
      "{\"a\":NaN}",
      " {}",
      "{}\n",
      "{\n}",
      "[1,\r2]",
      "\t1",
      R"({"a":1,"a":2})",
      R"("\ud800")",
      R"("\ud83d\ude00")",
      R"("\u0000")",
      R"("\x")",
      "1e999999",
      "-0",
      "01",
      "1.",
      ".5",
      "+1",
      "0x1",
      std::string(5000, '9'),
      nested(1024, "1"),
      nested(1025, ""),
      nested(1025, "1"),
      nested(1026, ""),
      "\"\x01\"",
      "\"\x7f\"",
      "\"\xc2\x80\xe2\x80\xa8\"",
      "\"\xff\"",
      "\"\xed\xa0\x80\"",
      "\xef\xbb\xbf{}",
      "{}{}",
      "[1,]",
      "{\"a\":}",
      "{a:1}",
      "'a'",
      "{} // comment",
      "\0"s,
      "\"\0\""s,
      "[\"[{\\\"\\\\\"]",
      "tru",
      "ESF1",
      std::move(bytes),
  };
}

NewEvent hostile_event(const std::string& payload, std::size_t number) {
  NewEvent event{.stream = "hostile-" + std::to_string(number % 5),
                 .type = "Typ\xc3\xa9 \"quoted\" \\ /",
                 .data = payload,
                 .metadata = payload,
                 .format = is_json(payload) ? PayloadFormat::Json : PayloadFormat::Binary};
  if (number % 3 == 0)
    event.tags = {"tag:" + std::to_string(number), "\xf0\x9f\x8e\x89", "\"", "\\"};
  if (number % 4 == 0) event.schema_version = static_cast<std::uint32_t>(number + 2);
  constexpr std::string_view kTimes[] = {
      // NOLINT(modernize-avoid-c-arrays)
      "0000-01-01T00:00:00Z", "0000-02-29T23:59:59.999999Z", "1969-12-31T23:59:59.5Z",
      "1970-01-01T00:00:00Z", "2000-02-29T12:00:00.000001Z", "9999-12-31T23:59:59.999999Z"};
  if (number % 2 == 0) event.occurred_at = parse_timestamp(kTimes[number / 2 % std::size(kTimes)]);
  return event;
}

void fill(EventStore& store) {
  std::size_t number = 0;
  for (const auto& payload : hostile_payloads()) {
    AppendRequest request{.events = {hostile_event(payload, number++)}};
    if (number % 4 == 0) request.events.push_back(event_of("\xe6\xb3\xa8\xe6\x96\x87-1"));
    value_of(store.append(std::move(request)));
  }
  value_of(store.set_stream_metadata("hostile-1", R"({"owner":"me"})", ExpectedVersion::any()));
  for (; number < 300; ++number) {
    NewEvent event = event_of("long-" + std::to_string(number % 7));
    event.data = '"' + std::string(number % 9 * 300, 'x') + '"';
    value_of(store.append({.events = {std::move(event)}}));
  }
  NewEvent large{.stream = "large", .type = "Large", .format = PayloadFormat::Binary};
  large.data.assign(100'000, '\xe5');  // more than a segment
  value_of(store.append({.events = {std::move(large), event_of("small")}}));
}

// In every way, of the streams that fill() made.
void delete_some(EventStore& store) {
  const auto any = ExpectedVersion::any();
  value_of(store.truncate_stream("long-1", {5}, any));
  value_of(store.set_stream_metadata("long-1", R"({"owner":"me"})", any));
  value_of(store.set_retention("long-2", {.max_count = 3}, any));
  value_of(store.delete_stream("long-3", any));
  value_of(store.append({.events = {event_of("long-3")}}));
  value_of(store.tombstone_stream("long-4", any));
  value_of(store.delete_stream("large", any));
}

void print(EventStore& store) {
  const std::string lines = read_lines(store, {.include_system = true});
  std::fwrite(lines.data(), 1, lines.size(), stdout);
}

int run(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--read") == 0) {
    print(*value_of(open(argv[2], {.read_only = true})));
    return 0;
  }
  const bool scavenge = argc == 3 && std::strcmp(argv[1], "--scavenge") == 0;
  if (scavenge || (argc == 3 && std::strcmp(argv[1], "--delete") == 0)) {
    const auto store = value_of(open(argv[2]));
    delete_some(*store);
    if (scavenge) value_of(store->scavenge({.id_retention = std::chrono::seconds(0)}));
    print(*store);
    return 0;
  }
  if (argc != 2) return 2;
  const auto store = value_of(open(argv[1], {.segment_bytes_max = 64 << 10}));
  fill(*store);
  print(*store);
  return 0;
}

}  // namespace
}  // namespace eventstore::test

int main(int argc, char** argv) {
  try {
    return eventstore::test::run(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "make_store: %s\n", failure.what());
    return 1;
  }
}
