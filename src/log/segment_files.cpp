#include "log/segment_files.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/segment_digest.hpp"

namespace eventstore::log {

Result<std::shared_ptr<Segment>> create_segment(Environment environment,
                                                const LogSettings& settings,
                                                const SegmentHeader& header) {
  auto& files = *environment.files;
  const auto path = segment_path(settings.folder, header.number);
  const auto names = files.open_directory(log_folder(settings.folder));
  if (!names) return std::unexpected(names.error());
  if (auto removed = remove_if_there(files, path); !removed) {
    return std::unexpected(removed.error());
  }
  auto file = files.create(path);
  if (!file) return std::unexpected(std::move(file).error());
  std::vector<std::byte> start(kSegmentHeaderBytes + settings.prewrite_step());
  encode_segment_header(header, std::span(start).first(kSegmentHeaderBytes));
  const std::array<std::span<const std::byte>, 1> parts{start};
  auto written = (*file)->write(0, parts);
  if (written) written = (*file)->sync();
  if (written) written = sync_names(**names);
  if (!written) {
    static_cast<void>(remove_if_there(files, path));  // the failure to write is what counts
    return std::unexpected(written.error());
  }
  return std::make_shared<Segment>(header, path, files, *std::move(file));
}

Result<std::shared_ptr<Segment>> open_segment(FileSystem& files, const std::string& folder,
                                              const Manifest& manifest,
                                              const ManifestSegment& listed,
                                              std::optional<FileSystem::Access> kept_open) {
  const auto path = segment_path(folder, listed);
  auto file = files.open(path, kept_open.value_or(FileSystem::Access::Read));
  if (!file) {
    if (file.error().code != ErrorCode::NotFound) return std::unexpected(std::move(file).error());
    return std::unexpected(corruption(
        {.file = path,
         .first_position = listed.first_position,
         .last_position = listed.last_position.value_or(listed.first_position)},
        "the segment is missing; repair it from a copy (event-store maint repair --from COPY)"));
  }
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const auto count = (*file)->read(0, bytes);
  if (!count) return std::unexpected(count.error());
  const auto header = decode_segment_header(std::span(bytes).first(*count), path);
  if (!header) return std::unexpected(header.error());
  if (header->store_id != manifest.store_id || header->segment_id != listed.id ||
      header->number != listed.number || header->first_position != listed.first_position ||
      header->revision != listed.revision) {
    return std::unexpected(corruption(
        {.file = path}, "this segment belongs to another store or place; restore the right file"));
  }
  if (!kept_open) {
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    return std::make_shared<Segment>(*header, path, files, std::min(*size, listed.bytes));
  }
  return std::make_shared<Segment>(*header, path, files, *std::move(file));
}

std::shared_ptr<Segment> lost_segment(FileSystem& files, const std::string& folder,
                                      const Manifest& manifest, const ManifestSegment& listed,
                                      Error damage) {
  const auto path = segment_path(folder, listed);
  damage.details = DamageDetails{.file = path,
                                 .first_position = listed.first_position,
                                 .last_position = *listed.last_position};
  return std::make_shared<Segment>(SegmentHeader{.store_id = manifest.store_id,
                                                 .segment_id = listed.id,
                                                 .number = listed.number,
                                                 .first_position = listed.first_position,
                                                 .revision = listed.revision},
                                   path, files, std::move(damage));
}

Result<std::string> segment_digest(const Segment& segment) {
  SegmentDigest digest;
  const MappedAccess access;
  const auto mapped = segment.map();
  if (!mapped) return std::unexpected(mapped.error());
  digest.add((*mapped)->bytes().first(segment.durable_bytes()));
  if (access.failed()) return std::unexpected(access_failed(segment.path()));
  return digest.text();
}

}  // namespace eventstore::log
