#include "child_process.hpp"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "child.hpp"
#include "generated_events.hpp"
#include "harness.hpp"
#include "open_stores.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kChild = "--child";
constexpr std::string_view kProbe = "probe";
constexpr std::string_view kAppend = "append";
constexpr std::size_t kProbeLookups = 10'000;
constexpr std::size_t kProbeReads = 1'000;

std::uint64_t memory_of_process() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::uint64_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  fail("no RssAnon in /proc/self/status");
}

void use(Store& store, std::uint64_t streams) {
  const auto reader = store.reader();
  for (const auto stream : pick_numbers(1, kProbeLookups, streams)) {
    consume(reader->stream_version(EventGenerator::stream_name(stream)));
  }
  for (const auto stream : pick_numbers(2, kProbeReads, streams)) {
    reader->read_stream(EventGenerator::stream_name(stream),
                        [](const EventView& event) { consume(sum_of(event.data)); });
  }
}

int probe(const StoreKind& kind, const std::filesystem::path& folder, std::uint64_t streams) {
  const Stopwatch watch;
  const auto store = kind.open(folder);
  const auto seconds = watch.seconds();
  use(*store, streams);
  fmt::print("{} {}\n", seconds, memory_of_process());
  return 0;
}

// Never returns: the parent kills it.
[[noreturn]] void append_for_ever(const StoreKind& kind, const std::filesystem::path& folder,
                                  std::uint64_t events) {
  constexpr std::size_t kEventsPerRequest = 100;
  const auto store = kind.open(folder);
  const EventGenerator generator({.events = events});
  for (std::uint64_t number = 0;; number += kEventsPerRequest) {
    if (number >= events && number - events < kEventsPerRequest) {
      fmt::print("appended\n");
      std::fflush(stdout);
    }
    AppendRequest request;
    const auto stream = fmt::format("killed-{}-{}", ::getpid(), number);
    request.checks.push_back({.stream = stream, .expected = ExpectedVersion::no_stream()});
    for (std::size_t i = 0; i < kEventsPerRequest; ++i) {
      request.events.push_back(generator.make(number + i));
      request.events.back().stream = stream;
      request.events.back().type = "Killed";  // no query asks for it
    }
    if (!store->append(request)) fail("a new stream was there already");
  }
}

std::vector<std::string> arguments_of(std::string_view action, const StoreKind& kind,
                                      const std::filesystem::path& folder, std::uint64_t number) {
  return {"event-store-bench",    std::string(kChild), std::string(action),
          std::string(kind.name), folder.string(),     std::to_string(number)};
}

}  // namespace

Probe probe_in_child(const StoreKind& kind, const std::filesystem::path& folder,
                     std::uint64_t streams) {
  Child child(arguments_of(kProbe, kind, folder, streams));
  const auto line = child.read_line();
  Probe found;
  const auto* const end = line.data() + line.size();
  const auto after = std::from_chars(line.data(), end, found.open_seconds).ptr;
  std::from_chars(after + 1, end, found.memory_bytes);
  if (child.wait() != 0) fail("a child process failed");
  return found;
}

void append_in_child_and_kill(const StoreKind& kind, const std::filesystem::path& folder,
                              std::uint64_t events) {
  Child child(arguments_of(kAppend, kind, folder, events));
  child.read_line();
  child.kill();
  child.wait();
}

std::optional<int> run_as_child(std::span<char* const> command_line) {
  if (command_line.size() != 6 || command_line[1] != kChild) return std::nullopt;
  const auto* const kind = find_store_kind(command_line[3]);
  if (kind == nullptr) fail("no such candidate");
  const std::string_view number_text = command_line[5];
  std::uint64_t number = 0;
  std::from_chars(number_text.begin(), number_text.end(), number);
  if (command_line[2] == kProbe) return probe(*kind, command_line[4], number);
  append_for_ever(*kind, command_line[4], number);
}

}  // namespace eventstore::bench
