#include "log/scavenge.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/clean_failure.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/log_scan.hpp"
#include "log/run_files.hpp"
#include "log/segment_rewrite.hpp"

namespace eventstore::log {
namespace {

// Segments that are rewritten together, and the runs of which an event is in one of them. These
// are made anew: both change at once.
struct Unit {
  std::shared_ptr<const LogLayout> layout;
  std::size_t first_run = 0;
  std::size_t last_run = 0;
  GlobalPosition last;  // of the last run
  std::vector<RewrittenSegment> segments;
  RunList runs;

  GlobalPosition first() const { return layout->runs[first_run]->first_position; }
};

class Scavenge {
 public:
  Scavenge(Environment environment, const ScavengedLog& log, const ScavengeOptions& options)
      : environment_(environment),
        files_(*environment.files),
        folder_(log.settings.folder),
        log_(log),
        options_(options),
        head_(log.view.head()),
        now_(time_of(log.view.snapshot(), environment.clock->wall_now())) {}

  Result<ScavengeReport> run() {
    GlobalPosition next{1};
    for (;;) {
      const auto snapshot = this->snapshot();
      const auto ordinal = snapshot.segment_of(next);
      if (!is_sealed(snapshot, ordinal)) {
        report_.bytes_active = snapshot.segments().back()->durable_bytes();
        return report_;
      }
      if (auto wanted = go_on(next, next, snapshot.head); !wanted) {
        return std::unexpected(std::move(wanted).error());
      }
      const auto done = scavenge_from(snapshot, ordinal);
      if (!done) return std::unexpected(done.error());
      next = *done;
    }
  }

 private:
  // The newest layout, at the head of the beginning: what is deleted is decided once, so that in
  // each stream what is gone comes before all that is left, whatever is deleted meanwhile.
  Snapshot snapshot() const {
    auto snapshot = log_.view.snapshot();
    snapshot.head = std::min(snapshot.head, head_);
    return snapshot;
  }

  // Whether a segment was sealed at the beginning.
  bool is_sealed(const Snapshot& snapshot, std::size_t ordinal) const {
    return ordinal + 1 < snapshot.segments().size() &&
           snapshot.segments()[ordinal + 1]->first_position().value <= head_.value + 1;
  }

  // `next` is to be looked at. What lies before `kept` stays done where this is the end.
  Result<void> go_on(GlobalPosition next, GlobalPosition kept, GlobalPosition head) const {
    if (options_.on_progress) {
      options_.on_progress({.position = {next.value - 1}, .head = head});
    }
    if (!options_.cancellation.stop_requested()) return {};
    const auto done = kept.value - 1;
    return std::unexpected(Error{
        .code = ErrorCode::Cancelled,
        .message = done == 0 ? "scavenging was stopped before anything was done"
                             : "scavenging was stopped: done up to position " +
                                   std::to_string(done) + " of " + std::to_string(head.value) +
                                   ", which stays, and the next one goes on"});
  }

  // Deals with one segment, or with a unit that begins with it. Returns the position to go on from.
  Result<GlobalPosition> scavenge_from(const Snapshot& snapshot, std::size_t ordinal) {
    const auto& segment = *snapshot.segments()[ordinal];
    const auto last = snapshot.last_position_of_segment(ordinal);
    DeletedEvents deleted(snapshot, log_.secret, now_, options_.id_retention);
    auto fates = decide_fates(segment, last, deleted);
    if (!fates) return std::unexpected(std::move(fates).error());
    if (fates->any() && !options_.dry_run) {
      return rewrite_from(segment.first_position(), *std::move(fates));
    }
    auto bytes = segment.durable_bytes();
    if (fates->any()) {
      const auto left = rewritten_bytes(segment, *fates);
      if (!left) return std::unexpected(left.error());
      bytes = *left;
    }
    count(segment, *fates, bytes);
    return GlobalPosition{last.value + 1};
  }

  void count(const Segment& segment, const SegmentFates& fates, std::uint64_t bytes_left) {
    ++report_.segments;
    report_.bytes += segment.durable_bytes();
    if (!fates.any()) return;
    ++report_.segments_rewritten;
    report_.events_removed += fates.holes;
    report_.events_reduced += fates.husks;
    report_.bytes_freed += segment.durable_bytes() - std::min(segment.durable_bytes(), bytes_left);
  }

  // Rewrites the unit that begins with the segment that has `position`, whose fates are decided.
  Result<GlobalPosition> rewrite_from(GlobalPosition position, SegmentFates fates) {
    // Runs that have ended get their posting files first: the others cannot be replaced.
    for (;;) {
      const auto written = log_.tail->keeper().write_one();
      if (!written) return std::unexpected(written.error());
      if (!*written) break;
    }
    const MutexLock lock(log_.tail->keeper().merging());
    const auto snapshot = this->snapshot();
    auto unit = unit_from(snapshot, position);
    if (!unit) return std::unexpected(std::move(unit).error());
    const auto next = rewrite_segments(snapshot, position, std::move(fates), *unit);
    auto made = next ? make_runs(*unit) : std::unexpected(next.error());
    if (made) made = sync_names(files_, log_folder(folder_));
    if (!made) {
      note(Mark::ScavengeGaveUp);
      remove_made(*unit);
      return std::unexpected(std::move(made).error());
    }
    if (auto replaced = replace(*unit); !replaced) {
      if (is_clean(replaced.error())) remove_made(*unit);
      return std::unexpected(std::move(replaced).error());
    }
    return next;
  }

  Result<Unit> unit_from(const Snapshot& snapshot, GlobalPosition position) const {
    const auto segment = snapshot.segment_of(position);
    Unit unit{.layout = snapshot.layout,
              .first_run = snapshot.run_of(snapshot.segments()[segment]->first_position()),
              .last_run = snapshot.run_of(snapshot.last_position_of_segment(segment)),
              .last = {},
              .segments = {},
              .runs = {}};
    const auto& runs = snapshot.runs();
    for (auto ordinal = unit.first_run; ordinal <= unit.last_run; ++ordinal) {
      if (const auto& damage = runs[ordinal]->damage) {
        return std::unexpected(error_of(damage->front()));
      }
      if (ordinal + 1 < runs.size() && !runs[ordinal]->is_in_memory()) continue;
      return std::unexpected(
          Error{.code = ErrorCode::Overloaded,
                .message = "the index of what is to be rewritten is not written yet; try again"});
    }
    unit.last = {runs[unit.last_run + 1]->first_position.value - 1};
    return unit;
  }

  // Rewrites the sealed segments within the unit that have something to free. Returns the position
  // behind the last one that was looked at.
  Result<GlobalPosition> rewrite_segments(const Snapshot& snapshot, GlobalPosition position,
                                          std::optional<SegmentFates> first, Unit& unit) {
    DeletedEvents deleted(snapshot, log_.secret, now_, options_.id_retention);
    const auto begin = position;  // nothing of the unit is done before all of it is
    const auto& segments = snapshot.segments();
    for (auto ordinal = snapshot.segment_of(position); is_sealed(snapshot, ordinal); ++ordinal) {
      const auto& segment = *segments[ordinal];
      const auto last = snapshot.last_position_of_segment(ordinal);
      if (last > unit.last) break;
      if (auto wanted = go_on(segment.first_position(), begin, snapshot.head); !wanted) {
        return std::unexpected(std::move(wanted).error());
      }
      const auto fates = first ? Result<SegmentFates>(*std::exchange(first, std::nullopt))
                               : decide_fates(segment, last, deleted);
      if (!fates) return std::unexpected(fates.error());
      auto bytes = segment.durable_bytes();
      if (fates->any()) {
        if (auto allowed = log_.tail->require_lock(); !allowed) {
          return std::unexpected(std::move(allowed).error());
        }
        auto rewritten = rewrite_segment(files_, folder_, segment, last, *fates,
                                         make_uuid_v4(*environment_.random));
        if (!rewritten) return std::unexpected(std::move(rewritten).error());
        bytes = rewritten->listed.bytes;
        unit.segments.push_back(*std::move(rewritten));
      }
      count(segment, *fates, bytes);
      position = {last.value + 1};
    }
    return position;
  }

  Result<void> make_runs(Unit& unit) {
    auto segments = unit.layout->segments;
    put_rewritten(unit, segments);
    RunBuilder builder(log_.settings, log_.secret, unit.first());
    Result<void> failure;
    builder.set_on_ended([&](const Run& run, GlobalPosition last) {
      if (!failure) return;
      auto made = write_run(files_, folder_, segments, run, last, log_.secret);
      if (made) {
        unit.runs.push_back(*std::move(made));
      } else {
        failure = std::unexpected(std::move(made).error());
        const RunFile run_file{.first_position = run.first_position, .last_position = last};
        static_cast<void>(remove_if_there(files_, run_file.path(folder_)));
      }
    });
    const auto damage = scan_up_to(segments, {}, unit.first(), unit.last, builder);
    if (!damage) return std::unexpected(damage.error());
    if (!damage->empty()) return std::unexpected(error_of(damage->front()));
    builder.split({unit.last.value + 1});
    return failure;
  }

  static void put_rewritten(const Unit& unit, SegmentList& segments) {
    for (const auto& rewritten : unit.segments) {
      *std::ranges::find(segments, rewritten.listed.first_position, [](const auto& segment) {
        return segment->first_position();
      }) = rewritten.segment;
    }
  }

  Result<void> replace(const Unit& unit) {
    std::vector<ManifestSegment> listed;
    listed.reserve(unit.segments.size());
    for (const auto& rewritten : unit.segments) listed.push_back(rewritten.listed);
    if (is_planted(Plant::UnlinkBeforeManifest)) remove_old(unit);
    if (auto saved = log_.tail->list_rewritten(listed); !saved) return saved;
    note(Mark::ScavengedUnit);
    log_.view.update([&](LogLayout& layout) {
      put_rewritten(unit, layout.segments);
      const auto at = std::ranges::find(layout.runs, unit.first(),
                                        [](const auto& run) { return run->first_position; });
      const auto count = static_cast<std::ptrdiff_t>(unit.last_run + 1 - unit.first_run);
      layout.runs.insert(layout.runs.erase(at, at + count), unit.runs.begin(), unit.runs.end());
    });
    // Who reads the old ones goes on doing so: they are mapped since they were looked at.
    if (log_.tail->require_lock()) remove_old(unit);
    return {};
  }

  static const std::shared_ptr<Segment>& old_segment(const Unit& unit,
                                                     const RewrittenSegment& rewritten) {
    return *std::ranges::find(unit.layout->segments, rewritten.listed.first_position,
                              [](const auto& segment) { return segment->first_position(); });
  }

  // What was made for nothing. A posting file that had the name of an old one took its place: that
  // is made again at the next opening.
  void remove_made(const Unit& unit) {
    if (!log_.tail->require_lock()) return;
    for (const auto& rewritten : unit.segments) {
      static_cast<void>(remove_if_there(files_, rewritten.segment->path()));
    }
    for (const auto& run : unit.runs) {
      static_cast<void>(remove_if_there(files_, posting_file_of(*run).path()));
    }
  }

  // What cannot be removed is, by the next one who opens the store.
  void remove_old(const Unit& unit) {
    for (const auto& rewritten : unit.segments) {
      static_cast<void>(remove_if_there(files_, old_segment(unit, rewritten)->path()));
    }
    for (auto ordinal = unit.first_run; ordinal <= unit.last_run; ++ordinal) {
      const auto& path = posting_file_of(*unit.layout->runs[ordinal]).path();
      const bool is_replaced = std::ranges::any_of(
          unit.runs, [&](const auto& made) { return posting_file_of(*made).path() == path; });
      if (!is_replaced) static_cast<void>(remove_if_there(files_, path));
    }
  }

  const Environment environment_;
  FileSystem& files_;
  const std::string& folder_;
  const ScavengedLog& log_;
  const ScavengeOptions& options_;
  const GlobalPosition head_;
  const Timestamp now_;
  ScavengeReport report_;
};

}  // namespace

Result<ScavengeReport> scavenge_log(Environment environment, const ScavengedLog& log,
                                    const ScavengeOptions& options) {
  const MappedAccess access;
  return Scavenge(environment, log, options).run();
}

}  // namespace eventstore::log
