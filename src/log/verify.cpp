#include "log/verify.hpp"

#include <algorithm>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "log/affected_streams.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/log_reader.hpp"
#include "log/log_scan.hpp"
#include "log/lookup.hpp"
#include "log/run_files.hpp"
#include "log/segment_files.hpp"
#include "log/verify_index.hpp"

namespace eventstore::log {
namespace {

// Verifies one segment after another and collects what is wrong.
class Verification {
 public:
  Verification(const LogSettings& settings, const Snapshot& snapshot, const Manifest& manifest,
               IndexVerification index)
      : settings_(settings), snapshot_(snapshot), manifest_(manifest), index_(std::move(index)) {}

  Result<void> check(std::size_t ordinal) {
    const auto& segment = *snapshot_.segments()[ordinal];
    const auto last = snapshot_.last_position_of_segment(ordinal);
    const bool is_active = ordinal + 1 == snapshot_.segments().size();
    const auto bytes_end = segment.durable_bytes();
    const auto mapped = segment.map();
    if (!mapped) return take_for_lost(segment, last, mapped.error());
    const auto bytes = (*mapped)->bytes().first(bytes_end);
    ++report_.segments;
    report_.bytes += bytes.size();
    const auto findings_before = report_.findings.size();

    const DamageDetails all{
        .file = segment.path(), .first_position = segment.first_position(), .last_position = last};
    const auto header = decode_segment_header(bytes, segment.path());
    if (!header) {
      add({.message = header.error().message, .where = all});
    } else if (!first_ && header->link != link_) {
      add(all, "the segment does not follow the one before it");
    }
    const auto end = scan(segment, bytes);
    // Of the active segment there may be more by now than when the head was read.
    const auto next = end.next_position.value;
    if (next < last.value + 1 || (!is_active && next > last.value + 1)) {
      DamageDetails where{.file = segment.path(),
                          .offset = end.offset,
                          .first_position = end.next_position,
                          .last_position = last};
      index_.pass_over(end.next_position, last);
      add(std::move(where), "the rest of the segment is unreadable");
    }
    const bool has_end = is_active || end.sealed;
    if (!has_end && next == last.value + 1) {
      add({.file = segment.path(), .offset = end.offset},
          "the end of a sealed segment is unreadable; no event is lost");
    }
    // Without it nobody can tell whether the next one follows.
    link_ = header ? header->link_behind(end.link) : end.link;
    first_ = !has_end;
    // What was found already is why the digest is another one.
    if (!is_active && report_.findings.size() == findings_before) check_digest(segment);
    return {};
  }

  VerifyReport take() {
    index_.finish(report_);
    return std::move(report_);
  }

 private:
  // Goes over the frames, and compares what is there with what is indexed.
  ScanState scan(const Segment& segment, std::span<const std::byte> bytes) {
    RunBuilder builder(settings_, manifest_.index_secret, segment.first_position());
    builder.set_on_ended([this](const Run& run, GlobalPosition last) {
      report_.events += run.index->events();
      if (run.damage == nullptr) {
        index_.compare(run, last);
      } else {
        index_.pass_over(run.first_position, last);
      }
    });
    auto scanned = scan_frames(bytes, segment.seed(), segment.path(),
                               ScanState::at_start_of(segment.header()), {UINT64_MAX}, builder);
    builder.split(scanned.end.next_position);
    for (auto& finding : scanned.damage) add_scanned(std::move(finding));
    return scanned.end;
  }

  // A scan takes a frame for damaged where one of its events is. Those that can be read all the
  // same are not accused.
  void add_scanned(Finding finding) {
    auto unreadable = unreadable_events(finding.where);
    if (unreadable.empty()) return add(std::move(finding));
    for (auto& events : unreadable) add(std::move(events));
  }

  // The events within `where` that cannot be read where the index has them, neighbours together.
  // None where no index tells.
  std::vector<Finding> unreadable_events(const DamageDetails& where) const {
    std::vector<Finding> found;
    if (where.first_position.value == 0) return found;
    LogReader reader(snapshot_.layout);
    for (auto position = where.first_position; position <= where.last_position; ++position.value) {
      const auto& run = *snapshot_.runs()[snapshot_.run_of(position)];
      if (run.damage != nullptr) return {};
      const auto event = reader.read(run, run.posting_of(position));
      if (event) continue;
      const auto* const place = std::get_if<DamageDetails>(&event.error().details);
      // Damage of the index itself, for instance, which is found elsewhere.
      if (place == nullptr || place->file != where.file) return {};
      if (found.empty() || found.back().where.last_position.value + 1 != position.value) {
        found.push_back({.message = event.error().message, .where = *place});
        found.back().where.first_position = position;
      }
      found.back().where.last_position = position;
    }
    for (auto& finding : found) {
      if (finding.where.first_position == finding.where.last_position) continue;
      finding.message = corruption(finding.where, "events that fail their checks").message;
    }
    return found;
  }

  // A segment of which nothing can be read; what follows it cannot be compared with its end.
  Result<void> take_for_lost(const Segment& segment, GlobalPosition last, const Error& error) {
    const auto* const where = std::get_if<DamageDetails>(&error.details);
    if (error.code != ErrorCode::Corruption || where == nullptr) return std::unexpected(error);
    ++report_.segments;
    Finding finding{.message = error.message, .where = *where};
    if (where->first_position.value == 0) {
      finding.where.first_position = segment.first_position();
      finding.where.last_position = last;
    }
    index_.pass_over(finding.where.first_position, finding.where.last_position);
    add(std::move(finding));
    first_ = true;
    return {};
  }

  void add(Finding finding) {
    finding.streams = affected_streams(snapshot_, finding.where);
    report_.findings.push_back(std::move(finding));
  }
  void add(DamageDetails where, std::string_view what) {
    auto message = corruption(where, what).message;
    add({.message = std::move(message), .where = std::move(where)});
  }

  void check_digest(const Segment& segment) {
    const auto listed =
        std::ranges::find(manifest_.segments, segment.header().segment_id, &ManifestSegment::id);
    if (listed == manifest_.segments.end() || listed->digest.empty()) return;
    if (segment.durable_bytes() < listed->bytes) return;  // it lacks its end, which is known
    const auto digest = segment_digest(segment);
    if (digest && *digest == listed->digest) return;
    const DamageDetails all{
        .file = segment.path(),
        .first_position = listed->first_position,
        .last_position = listed->last_position.value_or(listed->first_position)};
    // What the device does not give is damage as well.
    add(all,
        digest ? "the segment's digest is not the one in the manifest" : digest.error().message);
  }

  const LogSettings& settings_;
  const Snapshot& snapshot_;
  const Manifest& manifest_;
  IndexVerification index_;
  VerifyReport report_;
  std::uint32_t link_ = 0;
  bool first_ = true;
};

Result<std::uint64_t> file_bytes(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Access::Read);
  if (!file) {
    if (file.error().code == ErrorCode::NotFound) return 0;
    return std::unexpected(file.error());
  }
  return (*file)->size();
}

// What the streams of a run say: how many of them it is the first to have, and how many of its
// events are husks.
struct StreamCounts {
  std::uint64_t new_streams = 0;
  std::uint64_t husks = 0;
};
Result<StreamCounts> count_streams(const Snapshot& snapshot, std::size_t ordinal,
                                   std::uint64_t secret) {
  StreamCounts count;
  Result<void> failure;
  const auto last = snapshot.last_position_of_run(ordinal);
  const auto& run = *snapshot.runs()[ordinal];
  if (last < run.first_position) return count;
  const auto visit = [&](std::string_view name, const KeyEntry& entry) {
    Posting posting = 0;
    const auto visible =
        run.index->fetch(entry, run.posting_of(last), Direction::Backwards, {&posting, 1});
    if (!visible) failure = std::unexpected(visible.error());
    if (!visible || *visible == 0) return visible.has_value();
    count.husks += entry.postings - (entry.last_version.value + 1 - entry.first_version.value);
    const Key key{
        .kind = KeyKind::Stream, .text = name, .hash = hash_key(KeyKind::Stream, name, secret)};
    for (const auto& before : std::span(snapshot.runs()).first(ordinal)) {
      const auto found = before->index->find(key);
      if (!found) failure = std::unexpected(found.error());
      if (!found || *found) return found.has_value();
    }
    ++count.new_streams;
    return true;
  };
  auto walked = run.index->list_keys(KeyKind::Stream, "", "", visit);
  if (walked) walked = std::move(failure);
  if (!walked) return std::unexpected(std::move(walked).error());
  return count;
}

}  // namespace

Result<VerifyReport> verify_log(FileSystem& files, const LogSettings& settings,
                                const Snapshot& snapshot, const Manifest& manifest) {
  auto index = IndexVerification::open(files, settings.folder, snapshot, manifest.index_secret);
  if (!index) return std::unexpected(std::move(index).error());
  Verification verification(settings, snapshot, manifest, *std::move(index));
  for (std::size_t ordinal = 0; ordinal < snapshot.segments().size(); ++ordinal) {
    const bool is_skipped = ordinal + 2 == snapshot.segments().size();
    if (is_skipped && is_planted(Plant::VerifySkipsASegment)) continue;
    if (auto checked = verification.check(ordinal); !checked) {
      return std::unexpected(std::move(checked).error());
    }
  }
  return verification.take();
}

Result<std::vector<Finding>> verify_segment(const LogSettings& settings, const Snapshot& snapshot,
                                            const Manifest& manifest, std::size_t ordinal) {
  Verification verification(settings, snapshot, manifest, IndexVerification::of_nothing(snapshot));
  if (auto checked = verification.check(ordinal); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  return verification.take().findings;
}

Result<StoreStats> count_log(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                             std::uint64_t secret) {
  StoreStats stats{.head = snapshot.head, .segments = snapshot.segments().size()};
  std::vector<std::string> paths{manifest_path(folder), head_path(folder)};
  for (const auto& segment : snapshot.segments()) paths.push_back(segment->path());
  const auto run_files = list_run_files(files, folder);
  if (!run_files) return std::unexpected(run_files.error());
  for (const auto& run_file : *run_files) paths.push_back(run_file.path(folder));
  for (const auto& path : paths) {
    const auto bytes = file_bytes(files, path);
    if (!bytes) return std::unexpected(bytes.error());
    stats.bytes += *bytes;
  }
  for (std::size_t i = 0; i < snapshot.runs().size(); ++i) {
    const auto& run = *snapshot.runs()[i];
    if (run.damage != nullptr) return std::unexpected(error_of(run.damage->front()));
    const auto streams = count_streams(snapshot, i, secret);
    if (!streams) return std::unexpected(streams.error());
    stats.streams += streams->new_streams;
    // Of the newest run more may be indexed than is visible; nothing in it was rewritten.
    const bool is_newest = i + 1 == snapshot.runs().size();
    stats.events += is_newest ? snapshot.head.value + 1 - run.first_position.value
                              : run.index->events() - streams->husks;
  }
  const auto hidden = count_hidden(snapshot, secret);
  if (!hidden) return std::unexpected(hidden.error());
  stats.events -= hidden->events;
  stats.streams -= hidden->streams;
  return stats;
}

}  // namespace eventstore::log
