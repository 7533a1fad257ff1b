#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "log/frame_scan.hpp"
#include "log/log_reader.hpp"
#include "log/run_builder.hpp"

// Finding the events of the log without an index, by going over its frames.
namespace eventstore::log {

// Where a scan ended, and what it met on the way.
struct ScannedFrames {
  ScanState end;
  std::vector<Finding> damage;
};

// Scans `bytes`, a segment file from its start, from `begin` on until all up to `last` is passed.
// Adds what it meets to `builder`. Goes on behind damage, leaving out what is lost.
ScannedFrames scan_frames(std::span<const std::byte> bytes, std::uint32_t seed,
                          const std::string& path, ScanState begin, GlobalPosition last,
                          RunBuilder& builder);

// The place behind the event at `before` or, where that is a hole, behind the last one before it.
// `run` holds `before`. Absent: there is none in the segment of `before`, or it cannot be read.
std::optional<ScanState> state_behind(const SegmentList& segments, const Run& run,
                                      GlobalPosition before);

// Adds the positions from where the run that `builder` makes ends up to `last` to it. `runs`: those
// before it. Everything up to `last` must be durable. Returns the damage that was met; the last run
// may go on behind `last`.
Result<std::vector<Finding>> scan_up_to(const SegmentList& segments, const RunList& runs,
                                        GlobalPosition first, GlobalPosition last,
                                        RunBuilder& builder);

}  // namespace eventstore::log
