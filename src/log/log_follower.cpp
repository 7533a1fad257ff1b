#include "log/log_follower.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/store_files.hpp"

namespace eventstore::log {

Result<std::unique_ptr<LogFollower>> LogFollower::open(Environment environment,
                                                       LogSettings settings, LogView& view) {
  std::unique_ptr<LogFollower> follower(new LogFollower(environment, std::move(settings), view));
  if (auto loaded = follower->load(); !loaded) return std::unexpected(std::move(loaded).error());
  return follower;
}

Result<void> LogFollower::load() {
  const MutexLock lock(mutex_);
  const MappedAccess access;
  auto& files = *environment_.files;
  const auto there = is_there_or_creatable(files, settings_.folder, /*create=*/false);
  if (!there) return std::unexpected(there.error());
  // The page first: what it says later can only be more.
  find_head_page();
  auto manifest = load_manifest(files, settings_.folder);
  if (!manifest) return std::unexpected(std::move(manifest).error());
  manifest_ = *std::move(manifest);
  secret_ = manifest_.index_secret;

  std::vector<Finding> damage;
  for (const auto& listed : manifest_.segments) {
    if (!listed.is_sealed()) {
      if (auto entered = enter_segment_locked(listed); !entered) return entered;
      continue;
    }
    auto segment = open_sealed_segment(files, settings_, manifest_, listed, damage);
    if (!segment && segment.error().code == ErrorCode::Corruption) {
      settings_.notify(Notice::Level::Error, segment.error().message);
      segment = lost_segment(settings_.folder, manifest_, listed, std::move(segment).error());
    }
    if (!segment) return std::unexpected(std::move(segment).error());
    segments_.push_back(*std::move(segment));
  }
  for (const auto& finding : damage) settings_.notify(Notice::Level::Error, finding.message);
  return follow_locked();
}

Result<void> LogFollower::refresh() {
  const auto* const page = head_page();
  if (page != nullptr && page->durable_head() == view_.head()) return {};
  const MutexLock lock(mutex_);
  if (page == nullptr) find_head_page();
  // Without a page there never was a writer that added anything.
  return head_page() != nullptr ? follow_locked() : Result<void>();
}

void LogFollower::find_head_page() {
  if (head_page_ != nullptr) return;
  auto page = environment_.files->share_page(head_path(settings_.folder), FileSystem::Access::Read);
  if (!page) return;
  head_page_owner_ = std::make_unique<HeadPage>(*std::move(page));
  head_page_.store(head_page_owner_.get(), std::memory_order_release);
}

// Whether a writer has run since the machine started decides what may be shown. One may start at
// any time, so the answer is checked again after a scan that relied on there being none.
Result<void> LogFollower::follow_locked() {
  const auto boot_id = environment_.files->boot_id();
  const auto is_lost = [&] { return head_page() != nullptr && head_page()->is_lost(); };
  const auto has_writer = [&]() REQUIRES(mutex_) {
    find_head_page();
    return head_page() != nullptr && head_page()->is_of_boot(boot_id);
  };
  if (!has_writer()) {
    unconfirmed_ = true;
    // What was durable once is there, or lost: no torn append.
    const auto durable =
        head_page() != nullptr ? head_page()->durable_head_of_any_boot() : GlobalPosition{};
    if (auto followed = follow_to_locked(std::nullopt); !followed) return followed;
    if (end_.next_position <= durable) {
      if (auto followed = follow_to_locked(durable); !followed) return followed;
    }
    if (!has_writer()) {
      // A page that is lost does not tell that there is no writer.
      if (is_lost()) return std::unexpected(access_failed(head_path(settings_.folder)));
      unconfirmed_ = false;
      publish_locked(durable);
      return {};
    }
  }
  const auto head = head_page()->durable_head();
  if (unconfirmed_) {
    if (auto forgotten = forget_active_locked(); !forgotten) return forgotten;
  } else if (head <= view_.head()) {
    return {};
  }
  if (head_page()->manifest_generation() != manifest_.generation) {
    auto manifest = load_manifest(*environment_.files, settings_.folder);
    if (!manifest) return std::unexpected(std::move(manifest).error());
    manifest_ = *std::move(manifest);
  }
  if (auto followed = follow_to_locked(head); !followed) return followed;
  publish_locked(head);
  return {};
}

// What was scanned of the last segment may not be durable: it is scanned anew.
Result<void> LogFollower::forget_active_locked() {
  const auto listed = std::ranges::find(manifest_.segments, segments_.back()->header().number,
                                        &ManifestSegment::number);
  const auto scanned = segments_.back();
  segments_.pop_back();
  if (auto entered = enter_segment_locked(*listed); !entered) {
    segments_.push_back(scanned);
    return entered;
  }
  unconfirmed_ = false;
  return {};
}

// The list first: it has what the head shows. What is durable but unreadable counts: a read that
// comes there ends with the damage, and not as if there were nothing.
void LogFollower::publish_locked(GlobalPosition durable) {
  durable = within_last_segment_locked(durable);
  segments_.back()->set_durable_bytes(end_.offset);
  if (std::exchange(segments_changed_, false)) view_.set_segments(segments_);
  view_.publish(std::max(durable, GlobalPosition{end_.next_position.value - 1}));
}

Result<void> LogFollower::follow_to_locked(std::optional<GlobalPosition> limit) {
  for (;;) {
    const auto more = scan_frames_locked(limit);
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
    // The segment is sealed: the next one is in the manifest.
    const auto next =
        std::ranges::find(manifest_.segments, end_.next_position, &ManifestSegment::first_position);
    if (next == manifest_.segments.end()) return {};
    segments_.back()->set_durable_bytes(end_.offset);
    if (auto entered = enter_segment_locked(*next); !entered) return entered;
    take_posting_files_locked();
  }
}

// The writer has made posting files of some sealed segments by now: their indexes need not stay in
// memory. What is not there yet is looked for again with the next segment.
void LogFollower::take_posting_files_locked() {
  for (const auto& segment : std::span(segments_).first(segments_.size() - 1)) {
    const auto index = segment->index();
    if (dynamic_cast<const MemoryIndex*>(index.get()) == nullptr) continue;
    static_cast<void>(take_posting_file(*environment_.files, settings_.folder, *segment, secret_));
  }
}

Result<void> LogFollower::enter_segment_locked(const ManifestSegment& listed) {
  auto segment = open_segment(*environment_.files, settings_.folder, manifest_, listed,
                              FileSystem::Access::Read);
  if (!segment) return std::unexpected(std::move(segment).error());
  index_ = std::make_shared<MemoryIndex>(secret_);
  (*segment)->set_index(index_);
  end_ = ScanState::at_start_of((*segment)->header());
  segments_.push_back(*std::move(segment));
  segments_changed_ = true;
  return {};
}

// Indexes frames up to `limit`; true where the segment is sealed and another may follow.
Result<bool> LogFollower::scan_frames_locked(std::optional<GlobalPosition> limit) {
  auto& segment = *segments_.back();
  const auto size = segment.file().size();
  if (!size) return std::unexpected(size.error());
  const auto mapped = segment.file().map(*size);
  if (!mapped) return std::unexpected(mapped.error());
  const MappedAccess access;
  FrameScan scan((*mapped)->bytes(), segment.seed(), end_);
  const auto wanted = [&] { return !limit || scan.state().next_position <= *limit; };
  while (wanted()) {
    auto more = scan.next();
    // Zeros below the durable head are no end.
    if (more && !*more && limit && !scan.state().sealed) {
      more = std::unexpected("the log ends before its durable head");
    }
    if (access.failed()) return std::unexpected(access_failed(segment.path()));
    if (more && !*more) break;
    if (more) {
      index_frame(*index_, segment.header(), scan, secret_);
    } else if (!pass_damage_locked(scan, more.error(), limit)) {
      break;
    }
  }
  // Of frames without events behind the last one wanted only a seal matters.
  end_ = scan.state();
  return end_.sealed;
}

// Without a writer a bad frame with none behind it is a torn append, which ends the log. Below the
// durable head it is damage, and so is one with good frames behind it.
bool LogFollower::pass_damage_locked(FrameScan& scan, Defect defect,
                                     std::optional<GlobalPosition> limit) {
  const auto bad = scan.state();
  const auto later = scan.find_later_frame();
  if (!later && !limit) return false;
  auto& segment = *segments_.back();
  if (later) scan.resume_at(*later);
  const auto lost_end =
      later ? scan.state().next_position.value : within_last_segment_locked(*limit).value + 1;
  DamageDetails where{.file = segment.path(), .offset = bad.offset};
  if (lost_end > bad.next_position.value) {
    where.first_position = bad.next_position;
    where.last_position = {lost_end - 1};
  }
  const Finding finding{.message = corruption(where, defect).message, .where = where};
  // The same place is met again with every look at the store until good frames follow.
  if (std::exchange(last_damage_, finding.message) == finding.message) return later.has_value();
  settings_.notify(Notice::Level::Error, finding.message);
  segment.add_damage(finding);
  return later.has_value();
}

// No segment has later positions: what a HEAD page that rotted says of them is not to be counted.
GlobalPosition LogFollower::within_last_segment_locked(GlobalPosition position) const {
  const auto first = segments_.back()->first_position();
  return std::min(position, GlobalPosition{first.value + kSegmentPositionsMax - 1});
}

Manifest LogFollower::manifest() {
  const MutexLock lock(mutex_);
  return manifest_;
}

}  // namespace eventstore::log
