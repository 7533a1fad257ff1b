#include "log/manifest_repair.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/frame_scan.hpp"
#include "log/head_page.hpp"

namespace eventstore::log {
namespace {

// A segment file of the folder.
struct Found {
  std::string path;
  std::shared_ptr<const MappedFile> file;
  SegmentHeader header;
};
using FoundByNumber = std::map<std::uint64_t, Found>;

Error disagreement(const std::string& path, std::string_view what) {
  return corruption({.file = path},
                    std::string(what) + "; restore the MANIFEST of this store from a backup");
}

// Where a segment ends, sealed and without damage before that.
std::optional<ScanState> sealed_end(const Found& segment) {
  const auto& header = segment.header;
  FrameScan scan(segment.file->bytes(), header.seed(), ScanState::at_start_of(header));
  while (scan.next().value_or(false)) {
  }
  auto end = scan.state();
  end.link = header.link_behind(end.link);
  return end.sealed ? std::optional(end) : std::nullopt;
}

// Of two revisions of one segment: that which the copy lists, or a whole one, or the later one.
bool is_better(const Found& segment, const Found& other, const Manifest& copy) {
  const auto rank = [&](const Found& found) {
    const bool is_listed = std::ranges::find(copy.segments, found.header.segment_id,
                                             &ManifestSegment::id) != copy.segments.end();
    return std::tuple(is_listed, sealed_end(found).has_value(), found.header.revision);
  };
  return rank(segment) > rank(other);
}

// Segments with a bad header are left out: the list of the copy has them, or nothing follows them.
Result<FoundByNumber> find_segments(FileSystem& files, const std::string& folder,
                                    const Manifest& copy) {
  const auto names = files.list(log_folder(folder));
  if (!names) return std::unexpected(names.error());
  FoundByNumber found;
  for (const auto& name : *names) {
    if (!name.ends_with(".seg")) continue;
    auto path = log_folder(folder) + "/" + name;
    const auto file = files.open(path, FileSystem::Access::Read);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    auto mapped = (*file)->map(*size);
    if (!mapped) return std::unexpected(std::move(mapped).error());
    const auto header = decode_segment_header((*mapped)->bytes(), path);
    if (!header || path != segment_path(folder, header->number, header->revision)) continue;
    Found here{.path = std::move(path), .file = *std::move(mapped), .header = *header};
    const auto there = found.find(header->number);
    if (there == found.end() || is_better(here, there->second, copy)) {
      found.insert_or_assign(header->number, std::move(here));
    }
  }
  return found;
}

Result<void> require_same_segments(const FoundByNumber& found, const Manifest& copy) {
  for (const auto& [number, segment] : found) {
    if (segment.header.store_id != copy.store_id) {
      return std::unexpected(
          Error{.code = ErrorCode::InvalidArgument,
                .message = segment.path + ": the segment is of another store than the copy"});
    }
    const auto listed = std::ranges::find(copy.segments, number, &ManifestSegment::number);
    if (listed == copy.segments.end()) {
      if (number > copy.segments.back().number) continue;
      return std::unexpected(disagreement(segment.path, "the copy does not list this segment"));
    }
    if (listed->id != segment.header.segment_id ||
        listed->first_position != segment.header.first_position) {
      return std::unexpected(disagreement(segment.path, "the copy lists another segment here"));
    }
  }
  return {};
}

bool has_frames(const Found& segment) {
  const auto& header = segment.header;
  FrameScan scan(segment.file->bytes(), header.seed(), ScanState::at_start_of(header));
  const auto first = scan.next();
  return first ? *first : scan.find_later_frame().has_value();
}

// Where the segment with a number ends, sealed and without damage before that.
std::optional<ScanState> sealed_end(const FoundByNumber& found, std::uint64_t number) {
  const auto segment = found.find(number);
  return segment == found.end() ? std::nullopt : sealed_end(segment->second);
}

// Seals the last segment of the list and adds `next`, which the store began later than the copy was
// made. False: nothing more was begun.
Result<bool> add_next(Manifest& manifest, const FoundByNumber& found, const Found& next) {
  const auto end = sealed_end(found, manifest.segments.back().number);
  const bool follows =
      end && next.header.link == end->link && next.header.first_position == end->next_position;
  if (!follows) {
    if (!has_frames(next)) return false;  // made by a roll that was cut short
    return std::unexpected(disagreement(
        next.path, "what this segment follows is damaged, and the copy does not list it"));
  }
  auto& sealed = manifest.segments.back();
  sealed.last_position = GlobalPosition{end->next_position.value - 1};
  sealed.bytes = end->offset;
  manifest.segments.push_back({.number = next.header.number,
                               .id = next.header.segment_id,
                               .first_position = next.header.first_position,
                               .revision = next.header.revision});
  return true;
}

// No generation is given twice: readers tell manifests apart by it.
std::uint64_t generation_of_head(FileSystem& files, const std::string& folder) {
  auto page = files.share_page(head_path(folder), FileSystem::Access::Read);
  if (!page) return 0;
  const HeadPage head(*std::move(page));
  return head.durable_head_of_any_boot().value != 0 ? head.manifest_generation() : 0;
}

}  // namespace

Result<Manifest> manifest_from_copy(FileSystem& files, const std::string& folder,
                                    const Manifest& copy) {
  const auto found = find_segments(files, folder, copy);
  if (!found) return std::unexpected(found.error());
  if (auto same = require_same_segments(*found, copy); !same) {
    return std::unexpected(std::move(same).error());
  }
  auto manifest = copy;
  for (;;) {
    const auto next = found->upper_bound(manifest.segments.back().number);
    if (next == found->end()) break;
    const auto added = add_next(manifest, *found, next->second);
    if (!added) return std::unexpected(added.error());
    if (!*added) break;
  }
  manifest.generation = std::max(copy.generation, generation_of_head(files, folder)) + 1;
  return manifest;
}

}  // namespace eventstore::log
