#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "candidate.hpp"

namespace eventstore::bench {

inline constexpr std::string_view kBareName = "bare";
inline constexpr std::string_view kBareGatheringName = "bare-gathering";
inline constexpr std::string_view kBareGrowingName = "bare-growing";

// What an append costs without a store: as many bytes as the engine would write for the same
// events, written and synced. It checks nothing and cannot be read.
struct BareSetup {
  bool prewritten = true;     // the file's space is there and written; else it grows
  bool many_threads = false;  // appends of threads share their syncs
  bool gathering = false;     // the leader waits a moment (see BareGroupLog)
};
// `bytes`: what the events to come will take.
std::unique_ptr<Appender> open_bare(const std::filesystem::path& folder, std::uint64_t bytes,
                                    const BareSetup& setup);

// What the engine writes for a request, at most.
std::uint64_t bare_bytes(const AppendRequest& request);

}  // namespace eventstore::bench
