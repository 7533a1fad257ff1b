#pragma once

#include <memory>
#include <string>

#include "core/file_system.hpp"
#include "log/manifest.hpp"

namespace eventstore::log {

// Where repair takes segments from: another copy of the same store, in whatever form. What it
// returns is checked by whoever uses it.
//
// Threads: one at a time.
class SegmentSource {
 public:
  SegmentSource() = default;
  virtual ~SegmentSource() = default;
  SegmentSource(const SegmentSource&) = delete;
  SegmentSource& operator=(const SegmentSource&) = delete;

  // For messages: what a person calls it.
  virtual const std::string& name() const = 0;

  virtual const Manifest& manifest() const = 0;

  // The bytes of a segment that its manifest lists, from its header to its last frame or beyond.
  virtual Result<std::shared_ptr<const MappedFile>> segment(const ManifestSegment& listed) = 0;
};

// A copy that lies in a folder, as a store does. Fails with NotFound, NotAStore, UnsupportedFormat
// or Corruption (of its manifest).
Result<std::unique_ptr<SegmentSource>> open_folder_source(FileSystem& files, std::string folder);

}  // namespace eventstore::log
