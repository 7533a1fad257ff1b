#include "log/run_keeper.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/folder.hpp"
#include "log/run_files.hpp"
#include "log/run_merge.hpp"

namespace eventstore::log {
namespace {

// The newest run still grows, and a damaged one is made anew when the damage is mended.
bool is_unwritten(const RunList& runs, std::size_t ordinal) {
  return ordinal + 1 < runs.size() && runs[ordinal]->is_in_memory() &&
         runs[ordinal]->damage == nullptr;
}

GlobalPosition end_of(const RunList& runs, std::size_t ordinal) {
  return {runs[ordinal + 1]->first_position.value - 1};
}

bool is_small_enough(const RunList& runs, std::size_t first, std::size_t last) {
  std::uint64_t bytes = 0;
  for (auto ordinal = first; ordinal <= last; ++ordinal) {
    bytes += posting_file_of(*runs[ordinal]).file_bytes();
  }
  const auto positions = end_of(runs, last).value - runs[first]->first_position.value;
  return positions < kMergedPositionsMax && bytes < kMergedFileBytesMax;
}

// The ordinal of the first of `width` neighbours of one level.
std::optional<std::size_t> find_mergeable(const RunList& runs, std::size_t width) {
  std::size_t first = 0;
  for (std::size_t ordinal = 0; ordinal + 1 < runs.size(); ++ordinal) {
    if (runs[ordinal]->level != runs[first]->level) first = ordinal;
    const auto level = runs[first]->level;
    if (level == Run::kInMemory || level >= kMergeLevels) continue;
    if (ordinal + 1 - first < width) continue;
    if (is_small_enough(runs, first, ordinal)) return first;
    ++first;
  }
  return std::nullopt;
}

}  // namespace

std::size_t RunKeeper::unwritten() const {
  const auto layout = view_.layout();
  std::size_t count = 0;
  for (std::size_t ordinal = 0; ordinal < layout->runs.size(); ++ordinal) {
    if (is_unwritten(layout->runs, ordinal)) ++count;
  }
  return count;
}

Result<bool> RunKeeper::write_one() {
  const MappedAccess access;
  const MutexLock lock(writing_);
  const auto layout = view_.layout();
  const auto& runs = layout->runs;
  std::size_t ordinal = 0;
  while (ordinal < runs.size() && !is_unwritten(runs, ordinal)) ++ordinal;
  if (ordinal == runs.size()) return false;
  if (auto allowed = may_write_(); !allowed) return std::unexpected(std::move(allowed).error());
  const auto written = write_run(files_, settings_.folder, layout->segments, *runs[ordinal],
                                 end_of(runs, ordinal), secret_);
  if (!written) return complain(written.error());
  take(*written, 1);
  note(Mark::WrotePostingFile);
  return true;
}

Result<bool> RunKeeper::merge_one() {
  const MappedAccess access;
  const MutexLock lock(merging_);
  const auto layout = view_.layout();
  const auto& runs = layout->runs;
  const auto first = find_mergeable(runs, settings_.merge_width);
  if (!first || merging_failed_) return false;
  if (auto allowed = may_write_(); !allowed) return std::unexpected(std::move(allowed).error());
  const auto last = *first + settings_.merge_width - 1;
  const auto parts = std::span(runs).subspan(*first, settings_.merge_width);
  const RunFile merged{.first_position = parts.front()->first_position,
                       .last_position = end_of(runs, last),
                       .level = parts.front()->level + 1};
  if (auto written = merge_runs(files_, settings_.folder, *layout, parts, merged, secret_);
      !written) {
    merging_failed_ = written.error().code == ErrorCode::Corruption;
    return complain(std::move(written).error());
  }
  const auto opened = open_run(files_, settings_.folder, layout->segments, merged, secret_);
  if (!opened) return complain(opened.error());
  take(*opened, parts.size());
  note(Mark::MergedPostingFiles);
  if (!may_write_()) return true;  // another writer's by now
  // Readers have what they read from mapped. What cannot be removed is, by the next one who opens.
  for (auto ordinal = *first; ordinal <= last; ++ordinal) {
    const RunFile part{.first_position = runs[ordinal]->first_position,
                       .last_position = end_of(runs, ordinal),
                       .level = runs[ordinal]->level};
    static_cast<void>(remove_if_there(files_, part.path(settings_.folder)));
  }
  return true;
}

// Puts `made` in the place of the runs that it was made from.
void RunKeeper::take(const std::shared_ptr<const Run>& made, std::size_t replaced) {
  view_.update([&](LogLayout& layout) {
    const auto at = std::ranges::find(layout.runs, made->first_position,
                                      [](const auto& run) { return run->first_position; });
    *at = made;
    layout.runs.erase(at + 1, at + static_cast<std::ptrdiff_t>(replaced));
  });
}

std::unexpected<Error> RunKeeper::complain(Error error) const {
  note(Mark::PostingFileFailed);
  settings_.notify(Notice::Level::Warning,
                   error.message + "; the posting file is made later, from the log");
  return std::unexpected(std::move(error));
}

}  // namespace eventstore::log
