#include "log/log_scan.hpp"

#include <algorithm>
#include <utility>

#include "core/mapped_access.hpp"
#include "log/damage.hpp"

namespace eventstore::log {
namespace {

Finding finding_at(DamageDetails where, std::string_view what) {
  auto message = corruption(where, what).message;
  return {.message = std::move(message), .where = std::move(where)};
}

// What scan_up_to() does with one segment after another.
class Scan {
 public:
  Scan(const SegmentList& segments, const RunList& runs, RunBuilder& builder)
      : segments_(segments), runs_(runs), builder_(builder) {}

  Result<void> scan_segment(std::size_t ordinal, GlobalPosition first, GlobalPosition last) {
    const auto& segment = *segments_[ordinal];
    if (const auto* const lost = segment.lost()) {
      pass_lost({.message = lost->message,
                 .where = {.file = segment.path(), .first_position = first, .last_position = last}},
                last);
      return {};
    }
    const MappedAccess access;
    const auto mapped = segment.map();
    if (!mapped) return std::unexpected(mapped.error());
    auto begin = ScanState::at_start_of(segment.header());
    if (first > segment.first_position() && !runs_.empty()) {
      begin = state_behind(segments_, *runs_.back(), {first.value - 1}).value_or(begin);
    }
    auto scanned = scan_frames((*mapped)->bytes().first(segment.durable_bytes()), segment.seed(),
                               segment.path(), begin, last, builder_);
    if (access.failed()) return std::unexpected(access_failed(segment.path()));
    if (scanned.end.next_position <= last) {
      scanned.damage.push_back(finding_at({.file = segment.path(),
                                           .offset = scanned.end.offset,
                                           .first_position = scanned.end.next_position,
                                           .last_position = last},
                                          "the rest of a sealed segment is unreadable"));
      builder_.add_damage(scanned.damage.back());
      builder_.split({last.value + 1});
    }
    std::ranges::move(scanned.damage, std::back_inserter(damage_));
    return {};
  }

  std::vector<Finding> take_damage() { return std::move(damage_); }

 private:
  // In a run of its own, so that none has so large a hole.
  void pass_lost(Finding finding, GlobalPosition last) {
    builder_.split(finding.where.first_position);
    builder_.add_damage(finding);
    builder_.split({last.value + 1});
    damage_.push_back(std::move(finding));
  }

  const SegmentList& segments_;
  const RunList& runs_;
  RunBuilder& builder_;
  std::vector<Finding> damage_;
};

}  // namespace

ScannedFrames scan_frames(std::span<const std::byte> bytes, std::uint32_t seed,
                          const std::string& path, ScanState begin, GlobalPosition last,
                          RunBuilder& builder) {
  ScannedFrames scanned{.end = {}, .damage = {}};
  FrameScan scan(bytes, seed, begin);
  while (scan.state().next_position <= last) {
    const auto more = scan.next();
    if (more && !*more) break;
    if (more) {
      builder.add(scan);
      continue;
    }
    const auto bad = scan.state();
    const auto later = scan.find_later_frame();
    if (!later) break;
    scan.resume_at(*later);
    const auto lost = scan.state().next_position.value;
    DamageDetails where{.file = path, .offset = bad.offset};
    if (lost > bad.next_position.value) {
      where.first_position = bad.next_position;
      where.last_position = {lost - 1};
    }
    scanned.damage.push_back(finding_at(std::move(where), more.error()));
    builder.add_damage(scanned.damage.back());
  }
  scanned.end = scan.state();
  return scanned;
}

std::optional<ScanState> state_behind(const SegmentList& segments, const Run& run,
                                      GlobalPosition before) {
  LogReader reader(std::make_shared<const LogLayout>(LogLayout{.segments = segments, .runs = {}}));
  const auto opened = reader.segment_of(before);
  if (!opened) return std::nullopt;
  const auto& header = (*opened)->segment().header();
  const auto first = std::max(run.first_position, header.first_position);
  for (auto position = before; position >= first; --position.value) {
    const auto event = reader.read(run, run.posting_of(position));
    if (!event) return std::nullopt;
    if (!*event) continue;
    const auto distance = std::uint64_t{(*event)->event.frame_distance} * 8;
    auto state = ScanState::at_start_of(header);
    state.offset = (*event)->offset - distance;
    const auto frame = (*opened)->frame_at(state.offset);
    if (!frame) return std::nullopt;
    state.pass(*frame);
    // A frame is not part of two runs.
    return state.next_position.value == before.value + 1 ? std::optional(state) : std::nullopt;
  }
  return std::nullopt;
}

Result<std::vector<Finding>> scan_up_to(const SegmentList& segments, const RunList& runs,
                                        GlobalPosition first, GlobalPosition last,
                                        RunBuilder& builder) {
  Scan scan(segments, runs, builder);
  const auto first_position = [](const auto& segment) { return segment->first_position(); };
  for (auto ordinal = part_of(segments, first, first_position);
       ordinal < segments.size() && segments[ordinal]->first_position() <= last; ++ordinal) {
    const bool is_last = ordinal + 1 == segments.size();
    const auto end =
        is_last ? last
                : std::min(last, GlobalPosition{segments[ordinal + 1]->first_position().value - 1});
    const auto begin = std::max(first, segments[ordinal]->first_position());
    if (auto scanned = scan.scan_segment(ordinal, begin, end); !scanned) {
      return std::unexpected(std::move(scanned).error());
    }
  }
  return scan.take_damage();
}

}  // namespace eventstore::log
