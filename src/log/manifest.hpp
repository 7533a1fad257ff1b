#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore::log {

struct ManifestSegment {
  std::uint64_t number = 0;
  Uuid id;
  GlobalPosition first_position;
  // Of sealed segments only.
  std::optional<GlobalPosition> last_position = {};
  std::uint64_t bytes = 0;
  std::string digest = {};     // empty until it is computed
  std::uint32_t revision = 0;  // how often it was rewritten

  bool is_sealed() const { return last_position.has_value(); }
};

struct Lineage {
  Uuid id;
  GlobalPosition first_position;
};

// Which segments make up the store. Format: docs/formats/store.md.
struct Manifest {
  Uuid store_id;
  std::uint64_t index_secret = 0;
  std::uint64_t generation = 0;
  std::vector<Lineage> lineage;
  std::vector<ManifestSegment> segments;  // ascending; the last is the active one
};

std::string segment_path(const std::string& folder, const ManifestSegment& listed);

std::string encode_manifest(const Manifest& manifest);

// Fails with NotAStore, UnsupportedFormat or Corruption; `path` is for messages.
Result<Manifest> decode_manifest(std::string_view text, const std::string& path);

Result<Manifest> load_manifest(FileSystem& files, const std::string& folder);

// Replaces the manifest: written aside, synced, renamed, directory synced. After a failure with
// NoSpace or OutOfResources the old one stands; after any other either may.
Result<void> save_manifest(FileSystem& files, const std::string& folder, const Manifest& manifest);

}  // namespace eventstore::log
