#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "log/frame_scan.hpp"
#include "log/log_settings.hpp"
#include "log/manifest.hpp"
#include "log/segment.hpp"

// The files of segments: how they are made and opened.
namespace eventstore::log {

// Makes the file of a new active segment, durable but not yet in the manifest.
Result<std::shared_ptr<Segment>> create_segment(Environment environment,
                                                const LogSettings& settings,
                                                const SegmentHeader& header);

// Opens the file of a segment that the manifest lists and checks its header. `kept_open`: the file
// stays open, with this access, because it is written to or followed. Absent: it is sealed, and
// opened again when it is read; where it is cut short, the segment ends at the cut.
Result<std::shared_ptr<Segment>> open_segment(FileSystem& files, const std::string& folder,
                                              const Manifest& manifest,
                                              const ManifestSegment& listed,
                                              std::optional<FileSystem::Access> kept_open);

// Stands for a segment that open_segment() could not open because of `damage`: every read that
// needs it fails with that. `listed` says what its last position is, sealed or not.
std::shared_ptr<Segment> lost_segment(FileSystem& files, const std::string& folder,
                                      const Manifest& manifest, const ManifestSegment& listed,
                                      Error damage);

// XXH3-128 of the durable bytes, in hexadecimal.
Result<std::string> segment_digest(const Segment& segment);

}  // namespace eventstore::log
