#include "log/index_loader.hpp"

#include <algorithm>
#include <utility>

#include "core/campaign_hooks.hpp"

namespace eventstore::log {

IndexLoader::IndexLoader(FileSystem& files, const LogSettings& settings,
                         const SegmentList& segments, std::uint64_t secret)
    : files_(files),
      settings_(settings),
      segments_(segments),
      secret_(secret),
      builder_(settings, secret, GlobalPosition{1}) {}

Result<void> IndexLoader::load() {
  const auto run_files = list_run_files(files_, settings_.folder);
  if (!run_files) return std::unexpected(run_files.error());
  for (const auto& run_file : *run_files) {
    if (auto taken = take(run_file); !taken) return taken;
  }
  const GlobalPosition sealed{segments_.back()->first_position().value - 1};
  return next_ <= sealed ? scan_to(sealed) : Result<void>();
}

// Those that begin earlier come first, and of several the longest.
Result<void> IndexLoader::take(const RunFile& run_file) {
  if (run_file.first_position < next_) {
    unused_.push_back(run_file);
    return {};
  }
  auto run = open_run(files_, settings_.folder, segments_, run_file, secret_);
  if (!run && run.error().code == ErrorCode::Io) return std::unexpected(std::move(run).error());
  if (!run || is_behind_the_log(run_file, **run)) {
    note(Mark::RebuiltPostingFile);
    if (!run && run.error().code != ErrorCode::NotFound) {
      // Not here and now, where the store is only read.
      settings_.notify(Notice::Level::Warning,
                       run.error().message +
                           "; the log is read in its place until the store is opened for writing, "
                           "which makes it again");
    }
    unused_.push_back(run_file);
    return {};
  }
  if (run_file.first_position > next_) {
    if (auto scanned = scan_to({run_file.first_position.value - 1}); !scanned) return scanned;
  }
  runs_.push_back(*std::move(run));
  next_ = {run_file.last_position.value + 1};
  builder_ = RunBuilder(settings_, secret_, next_);
  return {};
}

// An index is never trusted to know more than the log holds.
bool IndexLoader::is_behind_the_log(const RunFile& run_file, const Run& run) const {
  return run_file.last_position >= segments_.back()->first_position() &&
         !state_behind(segments_, run, run_file.last_position);
}

ScanState IndexLoader::last_segment_begin() const {
  const auto& last = *segments_.back();
  const auto begin = ScanState::at_start_of(last.header());
  if (next_ <= last.first_position()) return begin;
  return state_behind(segments_, *runs_.back(), {next_.value - 1}).value_or(begin);
}

Result<void> IndexLoader::scan_to(GlobalPosition last) {
  // So many at once that not all need to be in memory.
  while (next_ <= last) {
    const auto first_position = [](const auto& segment) { return segment->first_position(); };
    const auto ordinal = part_of(segments_, next_, first_position);
    auto end = last;
    if (ordinal + 1 < segments_.size()) {
      end = std::min(end, GlobalPosition{segments_[ordinal + 1]->first_position().value - 1});
    }
    auto damage = scan_up_to(segments_, runs_, next_, end, builder_);
    if (!damage) return std::unexpected(std::move(damage).error());
    std::ranges::move(*damage, std::back_inserter(damage_));
    next_ = {end.value + 1};
    take_ended();
  }
  builder_.split(next_);
  take_ended();
  return {};
}

void IndexLoader::take_ended() {
  std::ranges::move(builder_.take_ended(), std::back_inserter(runs_));
  if (on_indexed_) on_indexed_(runs_);
}

}  // namespace eventstore::log
