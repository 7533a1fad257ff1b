#pragma once

#include <optional>
#include <span>
#include <string>

namespace eventstore::bench {

// Processes that append one event at a time to one store for some seconds, all at the same time.
struct AppendingProcesses {
  std::size_t processes = 1;
  std::size_t threads = 1;  // of each
  double seconds = 2;
  std::string prefix;  // of streams that the store must not have yet
};

// Returns the events a second.
double append_in_processes(const std::string& store_url, const AppendingProcesses& load);

// The exit code of such a process, where these are the arguments of one. To be called first.
std::optional<int> run_as_appending_process(std::span<char* const> command_line);

}  // namespace eventstore::bench
