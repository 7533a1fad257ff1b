#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "eventstore/open.hpp"
#include "log/format.hpp"

namespace eventstore::log {

// What the engine needs to know of a store, whoever opens it.
struct LogSettings {
  std::string folder;
  std::uint64_t segment_bytes_max = std::uint64_t{64} << 20;
  // Zeros are written so far ahead of small appends, so that syncing them changes no metadata.
  std::uint64_t prewrite_bytes = std::uint64_t{1} << 20;
  // The newest run of the index is in memory. It ends, and gets its posting file, at so many
  // events, or when it takes about so many bytes.
  std::uint64_t run_events_max = std::uint64_t{64} << 10;
  std::uint64_t run_bytes_max = std::uint64_t{32} << 20;
  // So many runs may wait for their posting files before the writer makes one itself. With the one
  // that grows and the one that is being written they are all that is in memory.
  static constexpr std::size_t kUnwrittenRunsMax = 3;
  static constexpr std::size_t kRunsInMemoryMax = kUnwrittenRunsMax + 2;
  // So many runs with posting files are merged into one, and so many of these again.
  std::size_t merge_width = 16;
  std::function<void(const Notice&)> on_notice;

  std::uint64_t prewrite_step() const {
    return std::min(prewrite_bytes, segment_bytes_max - kSegmentHeaderBytes);
  }

  void notify(Notice::Level level, std::string message) const {
    if (on_notice) on_notice({.level = level, .message = std::move(message)});
  }
};

}  // namespace eventstore::log
