#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "log/frame_scan.hpp"
#include "log/log_settings.hpp"
#include "log/manifest.hpp"
#include "log/memory_index.hpp"
#include "log/segment.hpp"

// The files of segments: how they are made, opened, scanned and given their index.
namespace eventstore::log {

// A segment that was scanned: its index, where the scan ended, and the damage met on the way.
struct ScannedSegment {
  std::shared_ptr<MemoryIndex> index;
  ScanState end;
  std::vector<Finding> damage;
  std::uint64_t torn_bytes = 0;  // of an unfinished append behind the end
};

// Adds the events of a frame to `index`.
void index_frame(MemoryIndex& index, const SegmentHeader& header, const FrameScan& scan,
                 std::uint64_t secret);

// Scans all of `bytes`, a segment file from its start. Goes on behind damage, leaving out what is
// lost.
ScannedSegment scan_segment(std::span<const std::byte> bytes, const SegmentHeader& header,
                            const std::string& path, std::uint64_t secret);

// Makes the file of a new active segment, durable but not yet in the manifest.
Result<std::shared_ptr<Segment>> create_segment(Environment environment,
                                                const LogSettings& settings,
                                                const SegmentHeader& header, std::uint64_t secret);

// Opens the file of a segment that the manifest lists and checks its header; it has no index yet.
Result<std::shared_ptr<Segment>> open_segment(FileSystem& files, const std::string& folder,
                                              const Manifest& manifest,
                                              const ManifestSegment& listed,
                                              FileSystem::Access access);

// Opens a sealed segment with its posting file, or with an index made from the segment where that
// is missing or damaged. Damage of the segment itself found on the way goes to `damage`.
Result<std::shared_ptr<Segment>> open_sealed_segment(FileSystem& files, const LogSettings& settings,
                                                     const Manifest& manifest,
                                                     const ManifestSegment& listed,
                                                     std::vector<Finding>& damage);

// Stands for a sealed segment that open_sealed_segment() could not open because of `damage`: every
// read that needs it fails with that.
std::shared_ptr<Segment> lost_segment(const std::string& folder, const Manifest& manifest,
                                      const ManifestSegment& listed, Error damage);

// Gives a sealed segment its posting file for an index. Fails, and changes nothing, where that is
// missing or damaged.
Result<void> take_posting_file(FileSystem& files, const std::string& folder, Segment& segment,
                               std::uint64_t secret);

// Writes the posting file of a sealed segment from its index in memory, and gives the segment that
// instead. The index must not change any more.
Result<void> write_posting_file(FileSystem& files, const std::string& folder, Segment& segment,
                                const MemoryIndex& index, std::uint64_t secret);

// XXH3-128 of the first `bytes` bytes, in hexadecimal.
Result<std::string> segment_digest(const Segment& segment, std::uint64_t bytes);

}  // namespace eventstore::log
