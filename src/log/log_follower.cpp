#include "log/log_follower.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/index_loader.hpp"
#include "log/run_files.hpp"
#include "log/store_files.hpp"

namespace eventstore::log {

// Once more where segments were rewritten before they were read.
Result<void> LogFollower::follow_newest_locked() {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    auto followed = follow_locked();
    if (followed || followed.error().code != ErrorCode::NotFound || attempt == kAttempts) {
      return followed;
    }
    if (auto loaded = load_newest_manifest_locked(); !loaded) return loaded;
  }
}

Result<void> LogFollower::refresh_all() {
  const MutexLock lock(mutex_);
  if (auto loaded = load_newest_manifest_locked(); !loaded) return loaded;
  if (auto followed = follow_to_locked(view_.head()); !followed) return followed;
  publish_locked(view_.head());
  return {};
}

bool LogFollower::is_behind_the_manifest() const {
  return head_page()->manifest_generation() > generation_;
}

Result<void> LogFollower::refresh() {
  const auto* const page = head_page();
  if (page != nullptr && page->durable_head() == view_.head() && !is_behind_the_manifest()) {
    return {};
  }
  const MutexLock lock(mutex_);
  if (page == nullptr) find_head_page();
  // Without a page there never was a writer that added anything.
  return head_page() != nullptr ? follow_newest_locked() : Result<void>();
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
  if (!has_writer_locked()) {
    const auto done = follow_without_writer_locked();
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
  }
  const auto head = head_page()->durable_head();
  const bool is_behind = is_behind_the_manifest();
  if (is_behind) {
    if (auto loaded = load_newest_manifest_locked(); !loaded) return loaded;
  }
  if (unconfirmed_) {
    if (auto forgotten = forget_active_locked(); !forgotten) return forgotten;
  } else if (head <= view_.head() && !is_behind) {
    return {};
  }
  if (auto followed = follow_to_locked(head); !followed) return followed;
  publish_locked(head);
  return {};
}

bool LogFollower::has_writer_locked() {
  find_head_page();
  return head_page() != nullptr && head_page()->is_of_boot(environment_.files->boot_id());
}

// False: a writer has started meanwhile, and what was scanned may not be durable.
Result<bool> LogFollower::follow_without_writer_locked() {
  unconfirmed_ = true;
  // What was durable once is there, or lost: no torn append.
  const auto durable =
      head_page() != nullptr ? head_page()->durable_head_of_any_boot() : GlobalPosition{};
  auto followed = follow_to_locked(std::nullopt);
  if (followed && end_.next_position <= durable) followed = follow_to_locked(durable);
  if (!followed) return std::unexpected(std::move(followed).error());
  if (has_writer_locked()) return false;
  note(Mark::FollowedWithoutWriter);
  // A page that is lost does not tell that there is no writer.
  if (head_page() != nullptr && head_page()->is_lost()) {
    return std::unexpected(access_failed(head_path(settings_.folder)));
  }
  unconfirmed_ = false;
  publish_locked(durable);
  return true;
}

// What was scanned of the last segment may not be durable: it is indexed anew.
Result<void> LogFollower::forget_active_locked() {
  const auto listed = std::ranges::find(manifest_.segments, segments_.back()->header().number,
                                        &ManifestSegment::number);
  const auto scanned = segments_.back();
  segments_.pop_back();
  if (auto entered = enter_segment_locked(*listed); !entered) {
    segments_.push_back(scanned);
    return entered;
  }
  if (auto loaded = load_index_locked(); !loaded) return loaded;
  layout_changed_ = true;
  unconfirmed_ = false;
  return {};
}

// The writer has made posting files of runs that are in memory here, and merged others.
void LogFollower::adopt_posting_files_locked() {
  if (!std::exchange(runs_ended_, false)) return;
  const auto run_files = list_run_files(*environment_.files, settings_.folder);
  if (!run_files) return;  // looked for again with the next run
  RunList adopted;
  GlobalPosition next{1};
  for (const auto& run_file : *run_files) {
    if (run_file.first_position != next || run_file.last_position >= end_.next_position) continue;
    auto run = open_run(*environment_.files, settings_.folder, segments_, run_file, secret_);
    if (!run) continue;
    adopted.push_back(*std::move(run));
    next = {run_file.last_position.value + 1};
  }
  // What is lost behind the end of the scan is known of the newest run alone.
  if (builder_->current()->damage != nullptr) return;
  const auto in_memory =
      std::ranges::find_if(runs_, [](const auto& run) { return run->is_in_memory(); });
  if (in_memory == runs_.end() || next <= (*in_memory)->first_position) return;
  segments_.back()->set_durable_bytes(end_.offset);
  RunBuilder builder(settings_, secret_, next);
  const auto damage = scan_up_to(segments_, adopted, next, {end_.next_position.value - 1}, builder);
  if (!damage || !damage->empty()) return;
  std::ranges::move(builder.take_ended(), std::back_inserter(adopted));
  runs_ = std::move(adopted);
  *builder_ = std::move(builder);
  layout_changed_ = true;
}

// The list first: it has what the head shows. What is durable but unreadable counts: a read that
// comes there ends with the damage, and not as if there were nothing.
void LogFollower::publish_locked(GlobalPosition durable) {
  adopt_posting_files_locked();
  durable = within_last_segment_locked(durable);
  segments_.back()->set_durable_bytes(end_.offset);
  layout_changed_ = layout_changed_ || newest_ != builder_->current();
  if (std::exchange(layout_changed_, false)) {
    newest_ = builder_->current();
    view_.update([this](LogLayout& layout) REQUIRES(mutex_) {
      layout = {.segments = segments_, .runs = runs_};
      layout.runs.push_back(newest_);
    });
  }
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
    if (next == manifest_.segments.end()) {
      if (!limit || end_.next_position > *limit) return {};
      return std::unexpected(
          corruption({.file = manifest_path(settings_.folder),
                      .first_position = end_.next_position,
                      .last_position = *limit},
                     "the manifest does not list the segments that hold the newest events; restore "
                     "the newest one"));
    }
    note(Mark::FollowedIntoNextSegment);
    // Until the next one is there, it is asked for again.
    const auto sealed = segments_.back();
    if (auto entered = enter_segment_locked(*next); !entered) return entered;
    // As the writer's, so that none goes over segments that are rewritten and those that grow.
    builder_->split(end_.next_position);
    take_ended_runs_locked();
    sealed->set_durable_bytes(end_.offset);
    if (sealed->lost() == nullptr) static_cast<void>(sealed->write_done());
    end_ = ScanState::at_start_of(segments_.back()->header());
    begin_if_lost_locked();
  }
}

void LogFollower::take_ended_runs_locked() {
  auto ended = builder_->take_ended();
  if (ended.empty()) return;
  std::ranges::move(ended, std::back_inserter(runs_));
  layout_changed_ = true;
  runs_ended_ = true;
}

// Indexes frames up to `limit`; true where the segment is sealed and another may follow.
Result<bool> LogFollower::scan_frames_locked(std::optional<GlobalPosition> limit) {
  auto& segment = *segments_.back();
  if (segment.lost() != nullptr) return pass_lost_locked(limit);
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
      more = std::unexpected(
          "the log ends before its durable head (a copy that was made while the store was written "
          "to does: remove its HEAD)");
    }
    if (access.failed()) return std::unexpected(access_failed(segment.path()));
    if (more && !*more) break;
    if (more) {
      builder_->add(scan);
    } else if (!pass_damage_locked(scan, more.error(), limit)) {
      break;
    }
  }
  // Of frames without events behind the last one wanted only a seal matters.
  end_ = scan.state();
  take_ended_runs_locked();
  return end_.sealed;
}

// Where a lost segment ends the manifest tells, once it is sealed; until then the head does.
bool LogFollower::pass_lost_locked(std::optional<GlobalPosition> limit) {
  const auto listed = std::ranges::find(manifest_.segments, segments_.back()->header().number,
                                        &ManifestSegment::number);
  const bool is_sealed = listed != manifest_.segments.end() && listed->is_sealed();
  const GlobalPosition known{end_.next_position.value - 1};
  auto last = limit ? std::max(known, within_last_segment_locked(*limit)) : known;
  if (is_sealed) last = *listed->last_position;
  if (last != known) lose_last_segment_locked(last);
  if (is_sealed) {
    builder_->split(end_.next_position);
    take_ended_runs_locked();
  }
  return is_sealed;
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
  if (std::exchange(last_damage_, finding.message) != finding.message) {
    settings_.notify(Notice::Level::Error, finding.message);
  }
  builder_->add_damage(finding);
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
