#include "log/log_files.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <xxhash.h>

#include "core/hexadecimal.hpp"
#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/head_page.hpp"
#include "log/posting_file.hpp"

namespace eventstore::log {
namespace {

bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

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

// Whether a segment file holds nothing but its header: no event was ever acknowledged from it.
Result<bool> holds_no_frame(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return std::unexpected(std::move(file).error());
  std::vector<std::byte> bytes(std::size_t{64} << 10);
  for (auto offset = kSegmentHeaderBytes;;) {
    const auto count = (*file)->read(offset, bytes);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) return true;
    const auto read = std::span(bytes).first(*count);
    if (!std::ranges::all_of(read, [](std::byte byte) { return byte == std::byte{0}; }))
      return false;
    offset += *count;
  }
}

// Whether a folder is empty, or holds what an interrupted creation of a store leaves and no event.
Result<bool> holds_no_store(FileSystem& files, const std::string& folder) {
  const auto names = files.list(folder);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    if (!is_one_of(name, {"LOCK", "HEAD", "log", "MANIFEST.tmp"})) return false;
  }
  if (std::ranges::find(*names, "log") == names->end()) return true;
  const auto segments = files.list(log_folder(folder));
  if (!segments) return std::unexpected(segments.error());
  for (const auto& name : *segments) {
    const auto path = log_folder(folder) + "/" + name;
    if (path != segment_path(folder, 1)) return false;
    if (const auto empty = holds_no_frame(files, path); !empty || !*empty) return empty;
  }
  return true;
}

// A segment gets its first frame after the manifest that lists it is durable: one with frames was
// never left behind by a crash. Garbage that a crash left in a new file does not count.
Result<void> require_no_frames(FileSystem& files, const std::string& path,
                               const std::string& manifest) {
  auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return std::unexpected(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  const auto mapped = (*file)->map(*size);
  if (!mapped) return std::unexpected(mapped.error());
  const auto bytes = (*mapped)->bytes();
  const MappedAccess access;
  bool has_frames = false;
  if (const auto header = decode_segment_header(bytes, path)) {
    FrameScan scan(bytes, header->seed(), ScanState::at_start_of(*header));
    const auto first = scan.next();
    has_frames = first ? *first : scan.find_later_frame().has_value();
  }
  if (access.failed()) return std::unexpected(access_failed(path));
  if (!has_frames) return {};
  return std::unexpected(
      corruption({.file = path, .offset = kSegmentHeaderBytes},
                 "the segment holds events, but " + manifest +
                     " does not list it: that is older than the log; restore the newest one"));
}

std::string parent_of(const std::string& folder) {
  const auto slash = folder.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : folder.substr(0, slash);
}

// Fails where no store may be made in `folder`, which had no manifest when it was looked for.
Result<void> require_creatable(FileSystem& files, const std::string& folder, bool create) {
  const auto there = files.exists(folder);
  if (!there) return std::unexpected(there.error());
  if (*there) {
    if (!files.list(folder)) {
      return std::unexpected(Error{.code = ErrorCode::NotAStore,
                                   .message = folder + " is no event store: it is no folder that "
                                                       "can be read; check the path"});
    }
    const auto free = holds_no_store(files, folder);
    if (!free) return std::unexpected(free.error());
    if (!*free) {
      return std::unexpected(
          Error{.code = ErrorCode::NotAStore,
                .message = folder + " is no event store: it holds files but no MANIFEST; choose "
                                    "another folder, or restore the MANIFEST from a backup"});
    }
  }
  if (create) return {};
  return std::unexpected(
      Error{.code = ErrorCode::NotFound,
            .message = "there is no event store at " + folder +
                       "; check the path (the first append or import makes one)"});
}

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

Result<bool> is_there_or_creatable(FileSystem& files, const std::string& folder, bool create) {
  const auto there = files.exists(manifest_path(folder));
  if (!there || *there) return there;
  auto allowed = require_creatable(files, folder, create);
  if (allowed) return false;
  // Another process may have made the store meanwhile, and what was looked at was already its own.
  const auto made_meanwhile = files.exists(manifest_path(folder));
  if (!made_meanwhile || *made_meanwhile) return made_meanwhile;
  return std::unexpected(std::move(allowed).error());
}

Result<void> create_head_file(FileSystem& files, const std::string& folder) {
  const auto path = head_path(folder);
  if (auto removed = remove_if_there(files, path); !removed) return removed;
  auto file = files.create(path);
  if (!file) return std::unexpected(std::move(file).error());
  const std::vector<std::byte> zeros(SharedPage::kBytes);
  const std::array<std::span<const std::byte>, 1> parts{zeros};
  if (auto written = (*file)->write(0, parts); !written) return written;
  return (*file)->sync();
}

Result<Manifest> create_store(Environment environment, const LogSettings& settings) {
  auto& files = *environment.files;
  const auto& folder = settings.folder;
  if (auto made = files.create_directory(folder); !made) return std::unexpected(made.error());
  if (auto made = files.create_directory(log_folder(folder)); !made) {
    return std::unexpected(made.error());
  }

  Manifest manifest{
      .store_id = make_uuid_v4(*environment.random),
      .index_secret = 0,
      .generation = 1,
      .lineage = {{.id = make_uuid_v4(*environment.random), .first_position = {1}}},
      .segments = {{.number = 1, .id = make_uuid_v4(*environment.random), .first_position = {1}}}};
  std::array<std::byte, 8> secret{};
  environment.random->fill(secret);
  manifest.index_secret = load_le<std::uint64_t>(secret.data());

  if (auto made = create_head_file(files, folder); !made) {
    return std::unexpected(made.error());
  }
  const auto segment = create_segment(environment, settings,
                                      {.store_id = manifest.store_id,
                                       .segment_id = manifest.segments.front().id,
                                       .number = 1,
                                       .first_position = {1},
                                       .link = 0},
                                      manifest.index_secret);
  if (!segment) return std::unexpected(segment.error());
  // The folder's own name first, so that a manifest that is there is there for good.
  if (auto synced = sync_names(files, parent_of(folder)); !synced) {
    return std::unexpected(synced.error());
  }
  if (auto saved = save_manifest(files, folder, manifest); !saved) {
    return std::unexpected(saved.error());
  }
  return manifest;
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

Result<void> remove_leftovers(FileSystem& files, const std::string& folder,
                              const Manifest& manifest) {
  std::set<std::string> wanted;
  for (const auto& segment : manifest.segments) {
    wanted.insert(segment_path(folder, segment.number));
    if (segment.is_sealed()) wanted.insert(posting_file_path(folder, segment.number));
  }
  const auto names = files.list(log_folder(folder));
  if (!names) return std::unexpected(names.error());
  std::vector<std::string> leftovers;
  for (const auto& name : *names) {
    const auto path = log_folder(folder) + "/" + name;
    const bool is_segment = name.ends_with(".seg");
    const bool ours = is_segment || name.ends_with(".post") || name.ends_with(".tmp");
    if (!ours || wanted.contains(path)) continue;
    if (is_segment) {
      if (auto unused = require_no_frames(files, path, manifest_path(folder)); !unused) {
        return unused;
      }
    }
    leftovers.push_back(path);
  }
  for (const auto& path : leftovers) {
    if (auto removed = remove_if_there(files, path); !removed) return removed;
  }
  return remove_if_there(files, manifest_path(folder) + ".tmp");
}

}  // namespace eventstore::log
