#include "appending_processes.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "child.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "harness.hpp"
#include "timed_appends.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kChild = "--append-as-child";

// Says that it is ready, and waits for the word to begin.
void wait_for_others() {
  fmt::print("ready\n");
  std::fflush(stdout);
  std::array<char, 16> line{};
  if (std::fgets(line.data(), line.size(), stdin) == nullptr) fail("the parent process is gone");
}

}  // namespace

double append_in_processes(const std::string& store_url, const AppendingProcesses& load) {
  std::vector<std::unique_ptr<Child>> children;
  children.reserve(load.processes);
  for (std::size_t i = 0; i < load.processes; ++i) {
    children.push_back(std::make_unique<Child>(
        std::vector<std::string>{"event-store-postgres-bench", std::string(kChild), store_url,
                                 fmt::format("{}-{}", load.prefix, i), std::to_string(load.threads),
                                 std::to_string(load.seconds)}));
  }
  for (const auto& child : children) child->read_line();
  for (const auto& child : children) child->write_line("begin");
  double events = 0;
  double seconds = 0;
  for (const auto& child : children) {
    const auto line = child->read_line();
    std::size_t end = 0;
    events += std::stod(line, &end);
    seconds = std::max(seconds, std::stod(line.substr(end)));
    if (child->wait() != 0) fail("a child process failed");
  }
  return events / seconds;
}

std::optional<int> run_as_appending_process(std::span<char* const> command_line) {
  if (command_line.size() != 6 || command_line[1] != kChild) return std::nullopt;
  register_postgres_engine();
  const auto store = must(open(command_line[2]), "open");
  const auto outcome = append_for_seconds(*store, {.threads = std::stoul(command_line[4]),
                                                   .seconds = std::stod(command_line[5]),
                                                   .prefix = command_line[3],
                                                   .on_ready = wait_for_others});
  fmt::print("{} {}\n", outcome.events, outcome.seconds);
  return 0;
}

}  // namespace eventstore::bench
