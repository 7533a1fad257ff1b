#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "candidate.hpp"

namespace eventstore::bench {

// What a process of its own finds when it opens a store.
struct Probe {
  double open_seconds = 0;
  // Memory of its own, not that of mapped files, after so many lookups and reads of streams.
  std::uint64_t memory_bytes = 0;
};

// Has a child process open the store, look random streams of the generator up, read some of them,
// and close the store.
Probe probe_in_child(const StoreKind& kind, const std::filesystem::path& folder,
                     std::uint64_t streams);

// Has a child process append so many events and go on appending, and kills it (SIGKILL).
void append_in_child_and_kill(const StoreKind& kind, const std::filesystem::path& folder,
                              std::uint64_t events);

// The exit code of a child process, where these are the arguments of one. To be called first.
std::optional<int> run_as_child(std::span<char* const> command_line);

}  // namespace eventstore::bench
