#include "log/segment_files.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <xxhash.h>

#include "core/hexadecimal.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/posting_file.hpp"

namespace eventstore::log {
namespace {

// In the place of a file that cannot be used: every call fails with the same error.
class LostFile final : public File {
 public:
  explicit LostFile(Error error) : error_(std::move(error)) {}

  Result<std::size_t> read(std::uint64_t /*offset*/, std::span<std::byte> /*out*/) override {
    return std::unexpected(error_);
  }
  Result<void> write(std::uint64_t /*offset*/,
                     std::span<const std::span<const std::byte>> /*parts*/) override {
    return std::unexpected(error_);
  }
  Result<void> sync() override { return std::unexpected(error_); }
  Result<std::uint64_t> size() override { return std::unexpected(error_); }
  Result<std::shared_ptr<const MappedFile>> map(std::uint64_t /*size*/) override {
    return std::unexpected(error_);
  }

 private:
  const Error error_;
};

}  // namespace

void index_frame(MemoryIndex& index, const SegmentHeader& header, const FrameScan& scan,
                 std::uint64_t secret) {
  for (const auto& scanned : scan.events()) {
    const auto& view = scanned.event.view;
    index.skip_to(static_cast<Posting>(view.position.value - header.first_position.value));
    MemoryIndex::Batch(index).add({.stream = view.stream,
                                   .type = view.type,
                                   .tags = view.tags,
                                   .version = view.version,
                                   .id_hash = hash_id(view.stream, view.id, secret),
                                   .offset = scanned.offset});
  }
}

ScannedSegment scan_segment(std::span<const std::byte> bytes, const SegmentHeader& header,
                            const std::string& path, std::uint64_t secret) {
  ScannedSegment scanned{
      .index = std::make_shared<MemoryIndex>(secret), .end = {}, .damage = {}, .torn_bytes = 0};
  FrameScan scan(bytes, header.seed(), ScanState::at_start_of(header));
  for (;;) {
    const auto more = scan.next();
    if (more && !*more) break;
    if (more) {
      index_frame(*scanned.index, header, scan, secret);
      continue;
    }
    const auto bad = scan.state();
    const auto later = scan.find_later_frame();
    if (!later) {
      scanned.torn_bytes = bytes.size() - bad.offset;
      break;
    }
    scan.resume_at(*later);
    const auto lost = scan.state().next_position.value;
    DamageDetails where{.file = path, .offset = bad.offset};
    if (lost > bad.next_position.value) {
      where.first_position = bad.next_position;
      where.last_position = {lost - 1};
    }
    auto message = corruption(where, more.error()).message;
    scanned.damage.push_back({.message = std::move(message), .where = std::move(where)});
  }
  scanned.end = scan.state();
  return scanned;
}

Result<std::shared_ptr<Segment>> create_segment(Environment environment,
                                                const LogSettings& settings,
                                                const SegmentHeader& header, std::uint64_t secret) {
  auto& files = *environment.files;
  const auto path = segment_path(settings.folder, header.number);
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
  if (written) written = sync_names(files, log_folder(settings.folder));
  if (!written) {
    static_cast<void>(remove_if_there(files, path));  // the failure to write is what counts
    return std::unexpected(written.error());
  }
  return std::make_shared<Segment>(header, path, *std::move(file),
                                   std::make_shared<MemoryIndex>(secret));
}

Result<std::shared_ptr<Segment>> open_segment(FileSystem& files, const std::string& folder,
                                              const Manifest& manifest,
                                              const ManifestSegment& listed,
                                              FileSystem::Access access) {
  const auto path = segment_path(folder, listed.number);
  auto file = files.open(path, access);
  if (!file) {
    if (file.error().code != ErrorCode::NotFound) return std::unexpected(std::move(file).error());
    return std::unexpected(
        corruption({.file = path,
                    .first_position = listed.first_position,
                    .last_position = listed.last_position.value_or(listed.first_position)},
                   "the segment is missing; restore it from a backup"));
  }
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const auto count = (*file)->read(0, bytes);
  if (!count) return std::unexpected(count.error());
  const auto header = decode_segment_header(std::span(bytes).first(*count), path);
  if (!header) return std::unexpected(header.error());
  if (header->store_id != manifest.store_id || header->segment_id != listed.id ||
      header->number != listed.number || header->first_position != listed.first_position) {
    return std::unexpected(corruption(
        {.file = path}, "this segment belongs to another store or place; restore the right file"));
  }
  if (listed.is_sealed()) {
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    if (*size < listed.bytes) {
      return std::unexpected(corruption({.file = path,
                                         .offset = *size,
                                         .first_position = listed.first_position,
                                         .last_position = *listed.last_position},
                                        "the segment is cut short; restore it from a backup"));
    }
  }
  return std::make_shared<Segment>(*header, path, *std::move(file), nullptr);
}

Result<std::shared_ptr<Segment>> open_sealed_segment(FileSystem& files, const LogSettings& settings,
                                                     const Manifest& manifest,
                                                     const ManifestSegment& listed,
                                                     std::vector<Finding>& damage) {
  auto segment = open_segment(files, settings.folder, manifest, listed, FileSystem::Access::Read);
  if (!segment) return segment;
  (*segment)->set_durable_bytes(listed.bytes);

  const auto taken = take_posting_file(files, settings.folder, **segment, manifest.index_secret);
  if (taken) return segment;
  if (taken.error().code != ErrorCode::NotFound) {
    settings.notify(Notice::Level::Warning, taken.error().message + "; it is made again");
  }
  const auto mapped = (*segment)->map();
  if (!mapped) return std::unexpected(mapped.error());
  auto scanned = scan_segment((*mapped)->bytes().first(listed.bytes), (*segment)->header(),
                              (*segment)->path(), manifest.index_secret);
  if (scanned.torn_bytes != 0 ||
      scanned.end.next_position.value != listed.last_position->value + 1) {
    DamageDetails where{.file = (*segment)->path(),
                        .offset = scanned.end.offset,
                        .first_position = scanned.end.next_position,
                        .last_position = *listed.last_position};
    auto message = corruption(where, "the rest of a sealed segment is unreadable").message;
    scanned.damage.push_back({.message = std::move(message), .where = std::move(where)});
  }
  for (const auto& finding : scanned.damage) (*segment)->add_damage(finding);
  std::ranges::move(scanned.damage, std::back_inserter(damage));
  (*segment)->set_index(std::move(scanned.index));
  return segment;
}

std::shared_ptr<Segment> lost_segment(const std::string& folder, const Manifest& manifest,
                                      const ManifestSegment& listed, Error damage) {
  const auto path = segment_path(folder, listed.number);
  const Finding finding{.message = damage.message,
                        .where = {.file = path,
                                  .first_position = listed.first_position,
                                  .last_position = *listed.last_position}};
  damage.details = finding.where;
  auto segment = std::make_shared<Segment>(SegmentHeader{.store_id = manifest.store_id,
                                                         .segment_id = listed.id,
                                                         .number = listed.number,
                                                         .first_position = listed.first_position},
                                           path, std::make_unique<LostFile>(std::move(damage)),
                                           std::make_shared<MemoryIndex>(manifest.index_secret));
  segment->add_damage(finding);
  return segment;
}

Result<void> take_posting_file(FileSystem& files, const std::string& folder, Segment& segment,
                               std::uint64_t secret) {
  const auto path = posting_file_path(folder, segment.header().number);
  auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return std::unexpected(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  auto mapped = (*file)->map(*size);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  auto index = PostingFile::open(*std::move(mapped), segment.posting_file_identity(secret), path);
  if (!index) return std::unexpected(std::move(index).error());
  segment.set_index(*std::move(index));
  return {};
}

Result<void> write_posting_file(FileSystem& files, const std::string& folder, Segment& segment,
                                const MemoryIndex& index, std::uint64_t secret) {
  const auto contents = index.contents(segment.posting_file_identity(secret));
  if (auto written = replace_file(files, log_folder(folder),
                                  posting_file_path(folder, segment.header().number),
                                  encode_posting_file(contents));
      !written) {
    return written;
  }
  return take_posting_file(files, folder, segment, secret);
}

Result<std::string> segment_digest(const Segment& segment, std::uint64_t bytes) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::vector<std::byte> buffer(std::size_t{256} << 10);
  for (std::uint64_t offset = 0; offset < bytes;) {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), bytes - offset);
    const auto count = segment.file().read(offset, std::span(buffer).first(wanted));
    if (!count) return std::unexpected(count.error());
    if (*count == 0) {
      return std::unexpected(corruption({.file = segment.path(), .offset = offset},
                                        "the segment is cut short; restore it from a backup"));
    }
    XXH3_128bits_update(state.get(), buffer.data(), *count);
    offset += *count;
  }
  XXH128_canonical_t canonical{};
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  std::string text;
  for (const auto byte : canonical.digest) append_hex_byte(text, byte);
  return text;
}

}  // namespace eventstore::log
