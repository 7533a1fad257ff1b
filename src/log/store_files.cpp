#include "log/store_files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/frame_scan.hpp"
#include "log/head_page.hpp"
#include "log/run_files.hpp"
#include "log/segment_files.hpp"

namespace eventstore::log {
namespace {

bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// Maybe: it looks so, but without the segment's header no checksum can tell.
enum class HoldsFrames : std::uint8_t { No, Maybe, Yes };

// Whether a segment file holds a frame. Garbage that a crash left in a new file is none.
Result<HoldsFrames> holds_frames(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return std::unexpected(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  const auto mapped = (*file)->map(*size);
  if (!mapped) return std::unexpected(mapped.error());
  const auto bytes = (*mapped)->bytes();
  const MappedAccess access;
  auto found = HoldsFrames::No;
  if (const auto header = decode_segment_header(bytes, path)) {
    FrameScan scan(bytes, header->seed(), ScanState::at_start_of(*header));
    const auto first = scan.next();
    if (first ? *first : scan.find_later_frame().has_value()) found = HoldsFrames::Yes;
  } else if (bytes.size() > kSegmentHeaderBytes &&
             starts_like_a_frame(bytes.subspan(kSegmentHeaderBytes))) {
    found = HoldsFrames::Maybe;
  }
  if (access.failed()) return std::unexpected(access_failed(path));
  return found;
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
    const auto frames = holds_frames(files, path);
    if (!frames) return std::unexpected(frames.error());
    if (*frames != HoldsFrames::No) return false;
  }
  note(Mark::RecoveredCreation);
  return true;
}

// A segment gets its first frame after the manifest that lists it is durable: one with frames was
// never left behind by a crash.
Result<void> require_no_frames(FileSystem& files, const std::string& path,
                               const std::string& manifest) {
  const auto frames = holds_frames(files, path);
  if (!frames) return std::unexpected(frames.error());
  if (*frames == HoldsFrames::No) return {};
  const auto* const holds = *frames == HoldsFrames::Yes ? "holds" : "seems to hold";
  return std::unexpected(
      corruption({.file = path, .offset = kSegmentHeaderBytes},
                 "the segment " + std::string(holds) + " events, but " + manifest +
                     " does not list it: that is older than the log; restore the newest one"));
}

// Whether a segment file is what scavenging left of a segment that the manifest lists: the file
// before it was rewritten, or one that never got so far as to take its place. Where the file that
// the manifest lists is not there, or is damaged, this one may be all there is.
Result<bool> is_other_revision(FileSystem& files, const std::string& folder,
                               const Manifest& manifest, std::string_view name) {
  const auto number = segment_number(name);
  const auto listed =
      std::ranges::find(manifest.segments, number.value_or(0), &ManifestSegment::number);
  if (listed == manifest.segments.end()) return false;
  auto file = files.open(segment_path(folder, *listed), FileSystem::Access::Read);
  if (!file) {
    if (file.error().code == ErrorCode::NotFound) return false;
    return std::unexpected(std::move(file).error());
  }
  std::array<std::byte, kSegmentHeaderBytes> bytes{};
  const auto count = (*file)->read(0, bytes);
  if (!count) return std::unexpected(count.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  const auto header = decode_segment_header(std::span(bytes).first(*count), "");
  return header && header->segment_id == listed->id && *size >= listed->bytes;
}

Result<void> require_unused(FileSystem& files, const std::string& folder, const Manifest& manifest,
                            const std::string& name) {
  const auto replaced = is_other_revision(files, folder, manifest, name);
  if (!replaced) return std::unexpected(replaced.error());
  if (*replaced) {
    note(Mark::RemovedOtherRevision);
    return {};
  }
  return require_no_frames(files, log_folder(folder) + "/" + name, manifest_path(folder));
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
                                    "another folder, or make the MANIFEST anew from a copy "
                                    "(event-store maint repair --from COPY)"});
    }
  }
  if (create) return {};
  return std::unexpected(
      Error{.code = ErrorCode::NotFound,
            .message = "there is no event store at " + folder +
                       "; check the path (the first append or import makes one)"});
}

// True, where a store with a manifest has its log.
Result<bool> require_log(FileSystem& files, const std::string& folder) {
  auto there = files.exists(log_folder(folder));
  if (!there || *there) return there;
  return std::unexpected(
      Error{.code = ErrorCode::Corruption,
            .message = "the folder " + log_folder(folder) +
                       ", which holds the events, is missing beside its MANIFEST; put it back, or "
                       "restore the store from a copy of all its files",
            .details = DamageDetails{.file = log_folder(folder)}});
}

}  // namespace

Result<bool> is_there_or_creatable(FileSystem& files, const std::string& folder, bool create) {
  const auto there = files.exists(manifest_path(folder));
  if (!there) return there;
  if (*there) return require_log(files, folder);
  auto allowed = require_creatable(files, folder, create);
  if (allowed) return false;
  // Another process may have made the store meanwhile, and what was looked at was already its own.
  const auto made_meanwhile = files.exists(manifest_path(folder));
  if (!made_meanwhile || *made_meanwhile) return made_meanwhile;
  return std::unexpected(std::move(allowed).error());
}

Result<std::unique_ptr<FileLock>> lock_store(FileSystem& files, const std::string& folder) {
  const auto locked_before = files.exists(lock_path(folder));
  if (!locked_before) return std::unexpected(locked_before.error());
  if (!*locked_before) {
    auto made = files.create(lock_path(folder));
    const auto raced = files.exists(lock_path(folder));
    if (!made && !(raced && *raced)) return std::unexpected(std::move(made).error());
  }
  return files.lock(lock_path(folder));
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
                                       .link = 0});
  if (!segment) return std::unexpected(segment.error());
  // All other names first, that of the folder too: where the manifest is, everything is.
  for (const auto& directory : {folder, parent_of(folder)}) {
    if (auto synced = sync_names(files, directory); !synced) {
      return std::unexpected(synced.error());
    }
  }
  if (auto saved = save_manifest(files, folder, manifest); !saved) {
    return std::unexpected(saved.error());
  }
  return manifest;
}

Result<void> remove_leftovers(FileSystem& files, const std::string& folder,
                              const Manifest& manifest) {
  std::set<std::string> wanted;
  for (const auto& segment : manifest.segments) {
    wanted.insert(segment_path(folder, segment));
  }
  const auto names = files.list(log_folder(folder));
  if (!names) return std::unexpected(names.error());
  std::vector<std::string> leftovers;
  for (const auto& name : *names) {
    const auto path = log_folder(folder) + "/" + name;
    const bool is_segment = name.ends_with(".seg");
    const bool ours = is_segment || name.ends_with(".post") || name.ends_with(".tmp");
    // Whether a posting file is of use shows when it is opened.
    if (!ours || wanted.contains(path) || RunFile::parse(name)) continue;
    if (is_segment) {
      if (auto unused = require_unused(files, folder, manifest, name); !unused) return unused;
    }
    leftovers.push_back(path);
  }
  for (const auto& path : leftovers) {
    note(Mark::RemovedLeftover);
    if (auto removed = remove_if_there(files, path); !removed) return removed;
  }
  return remove_if_there(files, manifest_path(folder) + ".tmp");
}

}  // namespace eventstore::log
