// Writes generated events to standard output as NDJSON, the form that `event-store event import`
// reads. The same arguments give the same bytes.

#include <span>
#include <string>
#include <string_view>

#include <unistd.h>

#include "arguments.hpp"
#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"
#include "generated_events.hpp"
#include "harness.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kUsage =
    "Usage: generate_events N [--streams S] [--data-bytes 256] [--metadata-bytes 64] [--no-ids]\n"
    "                         [--seed X]\n"
    "Writes N events as NDJSON to standard output, by default over N/100 streams.\n";

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;  // of output, written at once

void append_line(std::string& out, const NewEvent& event) {
  // No name, type or tag of a generated event needs escaping.
  const auto append = [&out](std::string_view before, std::string_view text) {
    out += before;
    out += text;
  };
  append(R"({"stream":")", event.stream);
  append(R"(","type":")", event.type);
  if (event.id) append(R"(","id":")", event.id->to_string());
  append(R"(","time":")", format_timestamp(*event.occurred_at));
  out += '"';
  if (!event.data.empty()) append(R"(,"data":)", event.data);
  if (!event.metadata.empty()) append(R"(,"metadata":)", event.metadata);
  append(R"(,"tags":[")", event.tags[0]);
  append(R"(",")", event.tags[1]);
  out += "\"]}\n";
}

void write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0) fail_with_errno("write to standard output");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

int run(std::span<char*> command_line) {
  Arguments arguments(command_line, kUsage);
  EventShape shape;
  shape.streams = arguments.number("--streams", 0);
  shape.data_bytes = arguments.number("--data-bytes", shape.data_bytes);
  shape.metadata_bytes = arguments.number("--metadata-bytes", shape.metadata_bytes);
  shape.ids = !arguments.flag("--no-ids");
  shape.seed = arguments.number("--seed", shape.seed);
  shape.events = arguments.plain_number("N");
  arguments.finish();

  const EventGenerator generator(shape);
  NewEvent event;
  std::string chunk;
  for (std::uint64_t number = 0; number < shape.events; ++number) {
    generator.make(number, event);
    append_line(chunk, event);
    if (chunk.size() < kChunkBytes) continue;
    write_out(chunk);
    chunk.clear();
  }
  write_out(chunk);
  return 0;
}

}  // namespace
}  // namespace eventstore::bench

int main(int argc, char** argv) {
  return eventstore::bench::run({argv, static_cast<std::size_t>(argc)});
}
