#include <algorithm>
#include <array>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/index_loader.hpp"
#include "log/log_reader.hpp"
#include "log/log_tail.hpp"
#include "log/run_files.hpp"
#include "log/store_files.hpp"

// How the end of the log is found again when a store is opened for writing.
namespace eventstore::log {
namespace {

// Whether the file is not there or cut short: by a crash it can be, and nothing depends on it then.
Result<bool> is_head_file_lost(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Access::Read);
  if (!file) {
    if (file.error().code == ErrorCode::NotFound) return true;
    return std::unexpected(file.error());
  }
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  return *size < SharedPage::kBytes;
}

Error damaged(const std::vector<Finding>& damage) {
  const auto& first = damage.front();
  auto message = first.message;
  if (damage.size() > 1) {
    message += " (and " + std::to_string(damage.size() - 1) + " more)";
  }
  message +=
      "; the store can only be read, but for what is damaged, until that is mended from a copy "
      "(event-store maint repair --from COPY)";
  return {.code = ErrorCode::Corruption, .message = std::move(message), .details = first.where};
}

// Whether the layout's run is the one that this is the file of.
bool is_in_use(const LogLayout& layout, const RunFile& run_file) {
  for (std::size_t ordinal = 0; ordinal + 1 < layout.runs.size(); ++ordinal) {
    const auto& run = *layout.runs[ordinal];
    const GlobalPosition last{layout.runs[ordinal + 1]->first_position.value - 1};
    if (run.first_position == run_file.first_position && last == run_file.last_position &&
        run.level == run_file.level) {
      return true;
    }
  }
  return false;
}

// The end of what is not zero.
std::uint64_t written_bytes(std::span<const std::byte> bytes, std::uint64_t from) {
  auto end = bytes.size();
  while (end > from && bytes[end - 1] == std::byte{0}) --end;
  return end;
}

}  // namespace

LogTail::LogTail(Environment environment, LogSettings settings, LogView& view)
    : environment_(environment), settings_(std::move(settings)), view_(view) {}

Result<std::unique_ptr<LogTail>> LogTail::open(Environment environment, LogSettings settings,
                                               bool create, LogView& view) {
  const MappedAccess access;
  std::unique_ptr<LogTail> tail(new LogTail(environment, std::move(settings), view));
  if (auto locked = tail->take_lock(create); !locked) {
    return std::unexpected(std::move(locked).error());
  }
  if (auto recovered = tail->recover(); !recovered) {
    return std::unexpected(std::move(recovered).error());
  }
  return tail;
}

Result<void> LogTail::take_lock(bool create) {
  auto& files = *environment_.files;
  const auto& folder = settings_.folder;
  const auto there = is_there_or_creatable(files, folder, create);
  if (!there) return std::unexpected(there.error());
  if (!*there) {
    if (auto made = files.create_directory(folder); !made) return made;
  }
  auto lock = lock_store(files, folder);
  if (!lock) return std::unexpected(std::move(lock).error());
  lock_ = *std::move(lock);

  // Somebody else may have made the store before the lock was ours.
  const auto made_meanwhile = is_there_or_creatable(files, folder, create);
  if (!made_meanwhile) return std::unexpected(made_meanwhile.error());
  if (*made_meanwhile) return {};
  const auto created = create_store(environment_, settings_);
  if (!created) return std::unexpected(created.error());
  return {};
}

Result<void> LogTail::recover() {
  auto manifest = load_manifest(*environment_.files, settings_.folder);
  if (!manifest) return std::unexpected(std::move(manifest).error());
  {
    const MutexLock lock(manifest_mutex_);
    manifest_ = *manifest;
  }
  manifest_generation_.store(manifest->generation, std::memory_order_relaxed);
  secret_ = manifest->index_secret;
  // A process that was killed between a rename and the sync of its directory leaves names that are
  // seen but not durable; what is built on them must not be lost with them.
  for (const auto& directory : {settings_.folder, log_folder(settings_.folder)}) {
    if (auto synced = sync_names(*environment_.files, directory); !synced) return synced;
  }
  if (auto removed = remove_leftovers(*environment_.files, settings_.folder, *manifest); !removed) {
    return removed;
  }
  if (auto opened = open_head_page(); !opened) return opened;
  const auto segments = open_segments(*manifest);
  if (!segments) return std::unexpected(segments.error());
  if (auto loaded = load_index(*segments); !loaded) return loaded;
  if (end_.sealed) {
    // The crash came while the segment was being rolled.
    note(Mark::RecoveredInsideRoll);
    auto next = create_segment(environment_, settings_, next_segment_header(end_.link));
    if (!next) return std::unexpected(std::move(next).error());
    if (auto begun = begin_segment(*std::move(next)); !begun) return begun;
  }
  const GlobalPosition head{end_.next_position.value - 1};
  active().set_durable_bytes(end_.offset);
  view_.publish(head);
  head_page_->take_over(environment_.files->boot_id(), head,
                        manifest_generation_.load(std::memory_order_relaxed));
  return {};
}

Result<void> LogTail::open_head_page() {
  auto& files = *environment_.files;
  const auto path = head_path(settings_.folder);
  auto page = files.share_page(path, FileSystem::Access::ReadWrite);
  if (!page) {
    // Readers may look at the file that is there: only one that is no good is replaced.
    const auto is_lost = is_head_file_lost(files, path);
    if (!is_lost) return std::unexpected(is_lost.error());
    if (!*is_lost) return std::unexpected(std::move(page).error());
    note(Mark::RecoveredHeadFile);
    if (auto made = create_head_file(files, settings_.folder); !made) return made;
    page = files.share_page(path, FileSystem::Access::ReadWrite);
  }
  if (!page) return std::unexpected(std::move(page).error());
  head_page_ = std::make_unique<HeadPage>(*std::move(page));
  head_page_->claim();
  return {};
}

Result<SegmentList> LogTail::open_segments(const Manifest& manifest) {
  SegmentList segments;
  for (const auto& listed : manifest.segments) {
    const auto kept_open =
        listed.is_sealed() ? std::nullopt : std::optional(FileSystem::Access::ReadWrite);
    auto segment = open_segment(*environment_.files, settings_.folder, manifest, listed, kept_open);
    if (!segment) return std::unexpected(std::move(segment).error());
    if (listed.is_sealed() && (*segment)->durable_bytes() < listed.bytes) {
      return std::unexpected(corruption({.file = (*segment)->path(),
                                         .offset = (*segment)->durable_bytes(),
                                         .first_position = listed.first_position,
                                         .last_position = *listed.last_position},
                                        "the segment is cut short; repair it from a copy "
                                        "(event-store maint repair --from COPY)"));
    }
    if (listed.is_sealed() && listed.digest.empty()) {
      const MutexLock lock(undigested_mutex_);
      undigested_.push_back(*segment);
    }
    segments.push_back(*std::move(segment));
  }
  active_ = segments.back();
  const auto size = active().file().size();
  if (!size) return std::unexpected(size.error());
  active().set_durable_bytes(*size);
  file_bytes_ = *size;
  return segments;
}

Result<void> LogTail::load_index(const SegmentList& segments) {
  auto& files = *environment_.files;
  keeper_ = std::make_unique<RunKeeper>(files, settings_, view_, secret_,
                                        [this] { return require_lock(); });
  IndexLoader loader(files, settings_, segments, secret_);
  // Where much of the log has no posting files, they are made as it goes.
  loader.set_on_indexed([&](RunList& runs) {
    view_.update([&](LogLayout& layout) {
      layout = {.segments = segments, .runs = runs};
      layout.runs.push_back(loader.builder().current());
    });
    while (keeper_->write_one().value_or(false)) {
    }
    runs = view_.layout()->runs;
    runs.pop_back();
  });
  if (auto loaded = loader.load(); !loaded) return loaded;
  if (!loader.damage().empty()) return std::unexpected(damaged(loader.damage()));
  const auto end = scan_active(loader);
  if (!end) return std::unexpected(end.error());
  const auto mapped = active().map();
  if (!mapped) return std::unexpected(mapped.error());
  // All that may have taken a while.
  if (auto held = require_lock(); !held) return held;
  if (auto rewritten = rewrite_end((*mapped)->bytes().first(file_bytes_), *end, segments);
      !rewritten) {
    return rewritten;
  }
  auto runs = loader.runs();
  std::ranges::move(loader.builder().take_ended(), std::back_inserter(runs));
  builder_ = std::make_unique<RunBuilder>(std::move(loader.builder()));
  runs.push_back(builder_->current());
  view_.update([&](LogLayout& layout) { layout = {.segments = segments, .runs = runs}; });
  for (const auto& unused : loader.unused()) {
    const auto path = unused.path(settings_.folder);
    if (is_in_use(*view_.layout(), unused)) continue;
    note(Mark::RemovedPostingFile);
    if (auto removed = remove_if_there(files, path); !removed) return removed;
  }
  return {};
}

Result<ScanState> LogTail::scan_active(IndexLoader& loader) {
  const auto mapped = active().map();
  if (!mapped) return std::unexpected(mapped.error());
  const MappedAccess access;
  const auto scanned =
      scan_frames((*mapped)->bytes().first(file_bytes_), active().seed(), active().path(),
                  loader.last_segment_begin(), {UINT64_MAX}, loader.builder());
  // What could not be read is no torn append.
  if (access.failed()) return std::unexpected(access_failed(active().path()));
  if (!scanned.damage.empty()) return std::unexpected(damaged(scanned.damage));

  const GlobalPosition head{scanned.end.next_position.value - 1};
  if (const auto durable = head_page_->durable_head_of_any_boot(); head < durable) {
    DamageDetails where{.file = active().path(),
                        .offset = scanned.end.offset,
                        .first_position = {head.value + 1},
                        .last_position = durable};
    auto message = corruption(where,
                              "events that were durable are gone (where this is a copy that was "
                              "made while the store was written to, or an older one put back on "
                              "purpose, remove HEAD and open it again)")
                       .message;
    return std::unexpected(damaged({{.message = std::move(message), .where = std::move(where)}}));
  }
  active().set_durable_bytes(scanned.end.offset);
  return scanned.end;
}

// After a failed sync the page cache may show a last frame that the disk does not have, and does
// not know it: so it is written once more. What is left of a torn append behind it gives way to
// zeros.
Result<void> LogTail::rewrite_end(std::span<const std::byte> bytes, const ScanState& end,
                                  const SegmentList& segments) {
  const auto written_end = written_bytes(bytes, end.offset);
  if (written_end > end.offset) {
    note(Mark::RecoveredTornTail);
    settings_.notify(Notice::Level::Warning,
                     active().path() + " at byte " + std::to_string(end.offset) + ": " +
                         std::to_string(written_end - end.offset) +
                         " bytes of an append that was never acknowledged are dropped");
  }
  const auto from = end.last_frame_offset == 0 ? end.offset : end.last_frame_offset;
  std::vector<std::byte> again(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                               bytes.begin() + static_cast<std::ptrdiff_t>(end.offset));
  again.resize(std::max(written_end, end.offset) - from, std::byte{0});
  if (!again.empty()) {
    const std::array<std::span<const std::byte>, 1> parts{again};
    if (auto written = active().file().write(from, parts); !written) return written;
  }
  if (auto synced = active().file().sync(); !synced) return synced;
  end_ = end;
  if (end.last_frame_offset != 0 || segments.size() == 1) return {};
  // The time of the newest event stands in the seal of the segment before.
  const auto& before = segments[segments.size() - 2];
  auto reader = SegmentReader::open(before);
  if (!reader) return std::unexpected(std::move(reader).error());
  const auto seal = reader->frame_at(before->durable_bytes() - kFrameHeaderBytes);
  if (!seal) return std::unexpected(seal.error());
  end_.recorded_at = seal->recorded_at;
  return {};
}

}  // namespace eventstore::log
