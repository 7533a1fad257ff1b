#include <algorithm>
#include <iterator>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/folder.hpp"
#include "log/index_loader.hpp"
#include "log/log_follower.hpp"
#include "log/segment_files.hpp"
#include "log/store_files.hpp"

// How a reader opens the files of a store, and opens them again where they were rewritten.
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
  const auto there = is_there_or_creatable(*environment_.files, settings_.folder, /*create=*/false);
  if (!there) return std::unexpected(there.error());
  // The page first: what it says later can only be more.
  find_head_page();
  if (auto loaded = load_newest_manifest_locked(); !loaded) return loaded;
  return follow_newest_locked();
}

Result<void> LogFollower::load_newest_manifest_locked() {
  for (;;) {
    auto manifest = load_manifest(*environment_.files, settings_.folder);
    if (!manifest) return std::unexpected(std::move(manifest).error());
    if (manifest->generation == generation_) return {};
    auto before = std::exchange(manifest_, *std::move(manifest));
    const bool is_opening = generation_ == 0;
    if (is_opening) secret_ = manifest_.index_secret;
    Result<void> loaded;
    if (is_opening || !has_what_is_listed_locked()) {
      if (!is_opening) note(Mark::FollowedRewriting);
      loaded = load_segments_locked();
    }
    if (loaded) {
      generation_ = manifest_.generation;
      return {};
    }
    const bool is_replaced = loaded.error().code == ErrorCode::NotFound && is_superseded_locked();
    manifest_ = std::move(before);
    if (!is_replaced) return loaded;
  }
}

// Whether there is a newer manifest. What this one lists and is not there was rewritten then; or
// else it is lost.
bool LogFollower::is_superseded_locked() const {
  const auto newest = load_manifest(*environment_.files, settings_.folder);
  return newest && newest->generation > manifest_.generation;
}

// Whether all segments are still those that the manifest lists, and none was rewritten.
bool LogFollower::has_what_is_listed_locked() const {
  return std::ranges::all_of(segments_, [this](const auto& segment) REQUIRES(mutex_) {
    return std::ranges::find(manifest_.segments, segment->header().segment_id,
                             &ManifestSegment::id) != manifest_.segments.end();
  });
}

// All segments of the manifest, and the index of what is in them. On failure all is as it was.
Result<void> LogFollower::load_segments_locked() {
  auto segments = std::exchange(segments_, {});
  auto runs = std::exchange(runs_, {});
  auto builder = std::exchange(builder_, nullptr);
  const auto end = end_;
  Result<void> loaded;
  for (const auto& listed : manifest_.segments) {
    loaded = enter_segment_locked(listed);
    if (!loaded) break;
  }
  if (loaded) loaded = load_index_locked();
  if (loaded) return {};
  segments_ = std::move(segments);
  runs_ = std::move(runs);
  builder_ = std::move(builder);
  end_ = end;
  return loaded;
}

Result<void> LogFollower::load_index_locked() {
  auto& last = *segments_.back();
  if (last.lost() == nullptr) {
    // As far as that was written to, whatever of it is durable.
    const auto size = last.file().size();
    if (!size) return std::unexpected(size.error());
    last.set_durable_bytes(*size);
  }
  IndexLoader loader(*environment_.files, settings_, segments_, secret_);
  if (auto loaded = loader.load(); !loaded) return loaded;
  for (const auto& finding : loader.damage()) {
    const bool is_reported = std::ranges::any_of(segments_, [&](const auto& segment) {
      return segment->lost() != nullptr && segment->path() == finding.where.file;
    });
    if (!is_reported) settings_.notify(Notice::Level::Error, finding.message);
  }
  runs_ = loader.runs();
  end_ = loader.last_segment_begin();
  builder_ = std::make_unique<RunBuilder>(std::move(loader.builder()));
  last.set_durable_bytes(end_.offset);
  begin_if_lost_locked();
  return {};
}

Result<void> LogFollower::enter_segment_locked(const ManifestSegment& listed) {
  auto& files = *environment_.files;
  const bool is_opening = builder_ == nullptr;
  const auto kept_open =
      is_opening && listed.is_sealed() ? std::nullopt : std::optional(FileSystem::Access::Read);
  auto segment = open_segment(files, settings_.folder, manifest_, listed, kept_open);
  // A newer release that wrote to the store wrote to its last segment: another one whose version is
  // newer has a header that rotted.
  if (!segment && (segment.error().code == ErrorCode::Corruption ||
                   (listed.is_sealed() && segment.error().code == ErrorCode::UnsupportedFormat))) {
    if (is_superseded_locked()) {
      return std::unexpected(Error{.code = ErrorCode::NotFound,
                                   .message = segment_path(settings_.folder, listed) +
                                              ": the segment was rewritten meanwhile"});
    }
    segment = stand_in_locked(listed, std::move(segment).error());
  }
  if (!segment) return std::unexpected(std::move(segment).error());
  segments_.push_back(*std::move(segment));
  layout_changed_ = true;
  return {};
}

// How much an active segment had that cannot be opened is unknown but for what HEAD says: at least
// one event counts, so that no read ends there as if the log did.
std::shared_ptr<Segment> LogFollower::stand_in_locked(ManifestSegment listed, Error damage) {
  const auto durable =
      head_page() != nullptr ? head_page()->durable_head_of_any_boot() : GlobalPosition{};
  const GlobalPosition end{listed.first_position.value + kSegmentPositionsMax - 1};
  if (!listed.is_sealed()) {
    listed.last_position = std::clamp(durable, listed.first_position, end);
  }
  if (last_damage_ != damage.message) settings_.notify(Notice::Level::Error, damage.message);
  last_damage_ = damage.message;
  return lost_segment(*environment_.files, settings_.folder, manifest_, listed, std::move(damage));
}

void LogFollower::begin_if_lost_locked() {
  const auto* const lost = segments_.back()->lost();
  if (lost == nullptr) return;
  lose_last_segment_locked(std::get<DamageDetails>(lost->details).last_position);
}

// Nothing of the last segment can be read. It gets a run of its own, which lacks all up to `last`.
void LogFollower::lose_last_segment_locked(GlobalPosition last) {
  const auto& segment = *segments_.back();
  builder_->split(segment.first_position());
  take_ended_runs_locked();
  *builder_ = RunBuilder(settings_, secret_, segment.first_position());
  builder_->add_damage({.message = segment.lost()->message,
                        .where = {.file = segment.path(),
                                  .first_position = segment.first_position(),
                                  .last_position = last}});
  end_.next_position = {last.value + 1};
}

}  // namespace eventstore::log
