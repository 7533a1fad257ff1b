#include "log/segment_rewrite.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/codec.hpp"
#include "core/mapped_access.hpp"
#include "log/checksum.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/hash_spill.hpp"
#include "log/segment_digest.hpp"

namespace eventstore::log {
namespace {

// Synced every so many bytes, so that appends need not wait until all of it is on the disk.
constexpr std::uint64_t kUnsyncedBytesMax = std::uint64_t{8} << 20;

// Where a scan cannot go on: the events of the frame there, or all up to the segment's `last` where
// its header does not tell.
Error not_whole(const Segment& segment, GlobalPosition last, const FrameScan& scan,
                std::string_view what) {
  const auto first = scan.state().next_position;
  const auto& frame = scan.frame();
  const bool tells = frame.first_position == first && frame.next_position > first;
  return corruption(
      {.file = segment.path(),
       .offset = scan.state().offset,
       .first_position = first,
       .last_position = tells ? GlobalPosition{frame.next_position.value - 1} : last},
      std::string(what) + "; repair it from a copy (event-store maint repair --from COPY)");
}

// Calls `visit` with the scan behind each frame of a sealed segment, whose last position is `last`
// and which must be whole.
Result<ScanState> for_each_frame(const Segment& segment, GlobalPosition last,
                                 const std::function<Result<void>(const FrameScan&)>& visit) {
  const MappedAccess access;
  const auto mapped = segment.map();
  if (!mapped) return std::unexpected(mapped.error());
  FrameScan scan((*mapped)->bytes().first(segment.durable_bytes()), segment.seed(),
                 ScanState::at_start_of(segment.header()));
  for (;;) {
    const auto more = scan.next();
    if (access.failed()) return std::unexpected(access_failed(segment.path()));
    if (!more) return std::unexpected(not_whole(segment, last, scan, more.error()));
    if (!*more) break;
    if (auto visited = visit(scan); !visited) return std::unexpected(std::move(visited).error());
  }
  if (scan.state().sealed) return scan.state();
  return std::unexpected(
      not_whole(segment, last, scan, "the end of a sealed segment is unreadable"));
}

NewEvent husk_of(const EventView& view) {
  return {.stream = std::string(view.stream), .type = ""};
}

// The frames of a segment, written anew one after another.
class FrameRewriter {
 public:
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;

  FrameRewriter(std::span<const std::byte> old, const SegmentFates& fates,
                const SegmentHeader& header, Sink sink)
      : old_(old),
        fates_(fates),
        seed_(header.seed()),
        link_(header.link),
        sink_(std::move(sink)) {}

  // Writes what is left of the frame that `scan` went over.
  Result<void> rewrite(const FrameScan& scan) {
    const auto& frame = scan.frame();
    const bool is_seal = (frame.flags & kSealFrame) != 0;
    begin_frame();
    auto header = frame;
    header.event_count = 0;
    BodyChecksum checksum;
    for (const auto& scanned : scan.events()) {
      const auto fate = fates_.at(scanned.event.view.position);
      if (fate == Fate::Hole) continue;
      if (is_planted(Plant::ScavengeLosesAnEvent) &&
          scanned.event.view.position.value + 1 == fates_.first_position.value + fates_.of.size()) {
        continue;
      }
      ++header.event_count;
      add_event(scanned, fate, checksum);
    }
    if (header.event_count == 0 && !is_seal) {
      return leave_out(frame);
    }
    if (auto written = write_gap(); !written) return written;
    header.body_checksum = checksum.finish(seed_);
    return write_frame(header);
  }

 private:
  void begin_frame() { frame_.assign(kFrameHeaderBytes, std::byte{0}); }

  void add_event(const ScannedEvent& scanned, Fate fate, BodyChecksum& checksum) {
    const auto& event = scanned.event;
    const auto start = frame_.size();
    if (fate == Fate::Husk) {
      const auto husk = husk_of(event.view);
      frame_.resize(start + encoded_event_bytes(husk));
      encode_event(husk, event.view.id, static_cast<std::uint16_t>(event.flags | kHusk),
                   std::span(frame_).subspan(start));
    } else {
      const auto stored = old_.subspan(scanned.offset, event.length);
      frame_.insert(frame_.end(), stored.begin(), stored.end());
      // That of the body alone, as place_event() wants it.
      store_le(frame_.data() + start, crc32c(stored.subspan(kEventHeaderBytes)));
    }
    checksum.add(place_event(std::span(frame_).subspan(start),
                             {.frame_distance = static_cast<std::uint32_t>(start / 8),
                              .position_delta = event.position_delta,
                              .version = event.view.version},
                             seed_));
  }

  // Nothing is left of a frame. One without events stands for all of them in a row; it keeps the
  // positions without a gap, and keeps to its frames, so that what ends between two of them still
  // does.
  Result<void> leave_out(const FrameHeader& frame) {
    if (frame.first_position == frame.next_position) return {};  // a mark
    if (!gap_) gap_ = FrameHeader{.first_position = frame.first_position};
    gap_->next_position = frame.next_position;
    gap_->recorded_at = frame.recorded_at;
    return {};
  }

  Result<void> write_gap() {
    if (!gap_) return {};
    auto gap = *std::exchange(gap_, std::nullopt);
    gap.body_checksum = BodyChecksum().finish(seed_);
    auto kept = std::exchange(frame_, std::vector<std::byte>(kFrameHeaderBytes));
    auto written = write_frame(gap);
    frame_ = std::move(kept);
    return written;
  }

  Result<void> write_frame(FrameHeader& header) {
    header.body_bytes = frame_.size() - kFrameHeaderBytes;
    header.link = link_;
    encode_frame_header(header, seed_, std::span(frame_).first(kFrameHeaderBytes));
    link_ = header.checksum;
    return sink_(frame_);
  }

  std::span<const std::byte> old_;
  const SegmentFates& fates_;
  const std::uint32_t seed_;
  std::uint32_t link_;
  const Sink sink_;
  std::vector<std::byte> frame_;
  std::optional<FrameHeader> gap_;
};

Result<void> rewrite_frames(const Segment& segment, const SegmentFates& fates,
                            const SegmentHeader& header, const FrameRewriter::Sink& sink) {
  const auto mapped = segment.map();
  if (!mapped) return std::unexpected(mapped.error());
  FrameRewriter rewriter((*mapped)->bytes(), fates, header, sink);
  const auto end = for_each_frame(segment, fates.last_position(),
                                  [&](const FrameScan& scan) { return rewriter.rewrite(scan); });
  if (!end) return std::unexpected(end.error());
  return {};
}

// Compares a rewritten segment with what it was made of, event by event.
class Comparison {
 public:
  Comparison(const Segment& made, std::span<const std::byte> bytes,
             std::span<const std::byte> old_bytes, const SegmentFates& fates)
      : made_(made),
        bytes_(bytes),
        old_bytes_(old_bytes),
        fates_(fates),
        scan_(bytes, made.seed(), ScanState::at_start_of(made.header())) {}

  // Goes over what must be left of the frame that `old` went over.
  Result<void> compare(const FrameScan& old) {
    for (const auto& event : old.events()) {
      const auto fate = fates_.at(event.event.view.position);
      if (fate == Fate::Hole) continue;
      const auto left = next();
      if (!left) return std::unexpected(left.error());
      if (*left == nullptr || !is_right(event, **left, fate)) return std::unexpected(wrong());
    }
    return {};
  }

  // All of the old one was gone over; it ended with position `last`.
  Result<void> finish(GlobalPosition last) {
    const auto more = next();
    if (!more) return std::unexpected(more.error());
    const auto& end = scan_.state();
    if (*more != nullptr || !end.sealed || end.next_position.value != last.value + 1 ||
        end.offset != bytes_.size()) {
      return std::unexpected(wrong());
    }
    return {};
  }

 private:
  // The next event of the new one; null at its end.
  Result<const ScannedEvent*> next() {
    while (at_ == scan_.events().size()) {
      const auto more = scan_.next();
      if (!more) return std::unexpected(wrong());
      if (!*more) return nullptr;
      at_ = 0;
    }
    return &scan_.events()[at_++];
  }

  bool is_right(const ScannedEvent& old, const ScannedEvent& left, Fate fate) const {
    const auto& before = old.event.view;
    const auto& after = left.event.view;
    if (after.position != before.position || after.recorded_at != before.recorded_at) return false;
    if (fate == Fate::Husk) {
      const auto flags = static_cast<std::uint16_t>(old.event.flags | kHusk);
      return after.stream == before.stream && after.version == before.version &&
             after.id == before.id && left.event.flags == flags && after.type.empty() &&
             after.data.empty() && after.metadata.empty() && !after.occurred_at;
    }
    // All but the checksum and the place in the frame.
    constexpr std::size_t kPlaceBytes = 16;
    return std::ranges::equal(
        old_bytes_.subspan(old.offset + kPlaceBytes, old.event.length - kPlaceBytes),
        bytes_.subspan(left.offset + kPlaceBytes, left.event.length - kPlaceBytes));
  }

  Error wrong() const {
    return corruption({.file = made_.path(), .offset = scan_.state().offset},
                      "what was written of a segment without its deleted events is not what is "
                      "left of it; the old one stands, and this one is removed");
  }

  const Segment& made_;
  std::span<const std::byte> bytes_;
  std::span<const std::byte> old_bytes_;
  const SegmentFates& fates_;
  FrameScan scan_;
  std::size_t at_ = 0;  // among the events of the frame
};

Result<void> prove(const Segment& segment, GlobalPosition last, const SegmentFates& fates,
                   const Segment& made) {
  if (is_planted(Plant::ScavengeLosesAnEvent)) return {};
  const MappedAccess access;
  const auto old_bytes = segment.map();
  if (!old_bytes) return std::unexpected(old_bytes.error());
  const auto bytes = made.map();
  if (!bytes) return std::unexpected(bytes.error());
  Comparison comparison(made, (*bytes)->bytes(), (*old_bytes)->bytes(), fates);
  const auto end = for_each_frame(segment, last,
                                  [&](const FrameScan& scan) { return comparison.compare(scan); });
  if (!end) return std::unexpected(end.error());
  auto proven = comparison.finish(last);
  if (access.failed()) return std::unexpected(access_failed(made.path()));
  return proven;
}

// Writes the file; returns its digest and its size.
struct WrittenFile {
  std::string digest;
  std::uint64_t bytes = 0;
};
Result<WrittenFile> write_file(File& file, const Segment& segment, const SegmentFates& fates,
                               const SegmentHeader& header) {
  FileAppender out(file);
  SegmentDigest digest;
  std::uint64_t synced = 0;
  const auto sink = [&](std::span<const std::byte> bytes) -> Result<void> {
    digest.add(bytes);
    if (auto appended = out.append(bytes); !appended) return appended;
    if (out.offset() - synced < kUnsyncedBytesMax) return {};
    synced = out.offset();
    if (auto flushed = out.flush(); !flushed) return flushed;
    return file.sync();
  };
  std::vector<std::byte> start(kSegmentHeaderBytes);
  encode_segment_header(header, start);
  if (auto written = sink(start); !written) return std::unexpected(std::move(written).error());
  if (auto written = rewrite_frames(segment, fates, header, sink); !written) {
    return std::unexpected(std::move(written).error());
  }
  if (auto flushed = out.flush(); !flushed) return std::unexpected(std::move(flushed).error());
  if (auto done = file.sync(); !done) return std::unexpected(std::move(done).error());
  return WrittenFile{.digest = digest.text(), .bytes = out.offset()};
}

// How often a segment was rewritten, once it is again. A name that is taken, by what a failure
// left, is not used again.
Result<std::uint32_t> next_revision(FileSystem& files, const std::string& folder,
                                    const SegmentHeader& header) {
  for (auto revision = header.revision + 1;; ++revision) {
    const auto taken = files.exists(segment_path(folder, header.number, revision));
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) return revision;
  }
}

}  // namespace

Result<SegmentFates> decide_fates(const Segment& segment, GlobalPosition last,
                                  DeletedEvents& deleted) {
  SegmentFates fates{.first_position = segment.first_position(), .of = {}};
  fates.of.resize(last.value + 1 - fates.first_position.value);
  const auto end = for_each_frame(segment, last, [&](const FrameScan& scan) -> Result<void> {
    for (const auto& scanned : scan.events()) {
      const auto fate = deleted.fate_of(scanned.event);
      if (!fate) return std::unexpected(fate.error());
      fates.of[scanned.event.view.position.value - fates.first_position.value] = *fate;
      if (*fate == Fate::Husk) ++fates.husks;
      if (*fate == Fate::Hole) ++fates.holes;
    }
    return {};
  });
  if (!end) return std::unexpected(end.error());
  fates.link = segment.header().link_behind(end->link);
  return fates;
}

Result<std::uint64_t> rewritten_bytes(const Segment& segment, const SegmentFates& fates) {
  auto bytes = kSegmentHeaderBytes;
  const auto counted = rewrite_frames(segment, fates, segment.header(),
                                      [&](std::span<const std::byte> frame) -> Result<void> {
                                        bytes += frame.size();
                                        return {};
                                      });
  if (!counted) return std::unexpected(counted.error());
  return bytes;
}

Result<RewrittenSegment> rewrite_segment(FileSystem& files, const std::string& folder,
                                         const Segment& segment, GlobalPosition last,
                                         const SegmentFates& fates, const Uuid& id) {
  const auto revision = next_revision(files, folder, segment.header());
  if (!revision) return std::unexpected(revision.error());
  auto header = segment.header();
  header.segment_id = id;
  header.revision = *revision;
  header.next_link = fates.link;
  const auto path = segment_path(folder, header.number, header.revision);
  auto file = files.create(path);
  if (!file) return std::unexpected(std::move(file).error());
  const auto give_up = [&](Error error) {
    static_cast<void>(remove_if_there(files, path));  // the failure before it is what counts
    return std::unexpected(std::move(error));
  };
  const auto written = write_file(**file, segment, fates, header);
  if (!written) return give_up(written.error());
  auto made = std::make_shared<Segment>(header, path, files, written->bytes);
  if (auto proven = prove(segment, last, fates, *made); !proven) {
    return give_up(std::move(proven).error());
  }
  return RewrittenSegment{.listed = {.number = header.number,
                                     .id = id,
                                     .first_position = header.first_position,
                                     .last_position = last,
                                     .bytes = written->bytes,
                                     .digest = written->digest,
                                     .revision = header.revision},
                          .segment = std::move(made)};
}

}  // namespace eventstore::log
