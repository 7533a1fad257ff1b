#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/file_system.hpp"

namespace eventstore::log {

// How far the background check of a store has come. Format: docs/formats/store.md.
struct ScrubRecord {
  std::optional<Timestamp> started_at = {};    // the pass under way, or the last one
  std::optional<Timestamp> completed_at = {};  // the last pass that was completed
  std::uint64_t next_segment = 0;              // where to go on; 0: no pass is under way
  std::uint64_t bytes = 0;                     // checked in the pass under way, or in the last one
  std::uint64_t finding_count = 0;             // in the pass under way
  std::uint64_t finding_count_before = 0;      // in the last pass that was completed
};

std::string encode_scrub_record(const ScrubRecord& record);

// Nothing depends on it: what is no record is an empty one, and the check begins anew.
ScrubRecord decode_scrub_record(std::string_view text);
ScrubRecord load_scrub_record(FileSystem& files, const std::string& folder);

// Written aside and renamed, but not synced: a lost record costs nothing but a check from the
// start, and must disturb no append.
Result<void> save_scrub_record(FileSystem& files, const std::string& folder,
                               const ScrubRecord& record);

}  // namespace eventstore::log
