#include "log/log_tail.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/mapped_access.hpp"
#include "log/clean_failure.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"

namespace eventstore::log {
namespace {

// Frames of at least this size are not written into space prepared ahead: writing the zeros would
// cost more than it saves.
constexpr std::uint64_t kLargeFrameBytes = std::uint64_t{64} << 10;

// A run of fewer events is scanned again at the next opening rather than written at closing.
constexpr std::uint64_t kShortRunEvents = 4096;

Error read_only_after(const Error& cause) {
  return {.code = ErrorCode::ReadOnly,
          .message =
              "the store takes no more appends until it is opened again, because of an "
              "earlier failure: " +
              cause.message};
}

bool leaves_out_sync(const FrameHeader& frame) {
  const bool is_seal = (frame.flags & kSealFrame) != 0;
  return is_planted(Plant::AnswerBeforeSync) || (is_seal && is_planted(Plant::SkipSyncOnRoll));
}

}  // namespace

Result<void> LogTail::make_room(std::uint64_t frame_bytes) {
  if (failure_) return std::unexpected(read_only_after(*failure_));
  const bool has_events = end_.next_position > active().first_position();
  const bool fits = end_.offset + frame_bytes + kFrameHeaderBytes <= settings_.segment_bytes_max;
  if (fits || !has_events) return {};
  return roll();
}

Result<void> LogTail::append(FrameHeader& header,
                             std::span<const std::span<const std::byte>> bodies) {
  if (failure_) return std::unexpected(read_only_after(*failure_));
  if (auto held = require_lock(); !held) return std::unexpected(fail(std::move(held).error()));
  std::array<std::byte, kFrameHeaderBytes> encoded{};
  header.link = end_.link;
  encode_frame_header(header, active().seed(), encoded);

  std::vector<std::span<const std::byte>> parts;
  parts.reserve(bodies.size() + 1);
  parts.emplace_back(encoded);
  parts.insert(parts.end(), bodies.begin(), bodies.end());
  if (auto written = write_frame(parts, header.frame_bytes()); !written) return written;
  if (is_planted(Plant::VisibleBeforeDurable)) {
    const auto before = end_;
    end_.pass(header);
    publish();
    end_ = before;
  }
  if (!leaves_out_sync(header)) {
    if (auto synced = sync_active(); !synced) return synced;
  }
  // Another writer that came meanwhile may have written to the same place.
  if (auto held = require_lock(); !held) {
    held.error().code = ErrorCode::OutcomeUnknown;
    return std::unexpected(fail(std::move(held).error()));
  }
  end_.pass(header);
  return {};
}

Result<void> LogTail::write_frame(std::span<const std::span<const std::byte>> parts,
                                  std::uint64_t frame_bytes) {
  const auto frame_end = end_.offset + frame_bytes;
  if (auto ahead = write_ahead(frame_end, frame_bytes); !ahead) return ahead;
  auto written = active().file().write(end_.offset, parts);
  if (written) {
    file_bytes_ = std::max(file_bytes_, frame_end);
    return {};
  }
  const auto size = active().file().size();
  if (size) file_bytes_ = std::max(file_bytes_, *size);
  // Where the size is unknown, so is what there would be to take back.
  if (!is_clean(written.error()) || !size) {
    note(Mark::WriteFailed);
    auto error = fail(std::move(written).error());
    if (!size) error.code = ErrorCode::OutcomeUnknown;
    return std::unexpected(std::move(error));
  }
  note(Mark::FrameTakenBack);
  if (auto undone = take_back_write(); !undone) return undone;
  return written;
}

// Zeros behind a small frame, so that the next ones only overwrite.
Result<void> LogTail::write_ahead(std::uint64_t frame_end, std::uint64_t frame_bytes) {
  if (frame_end <= file_bytes_ || frame_bytes >= kLargeFrameBytes) return {};
  const std::vector<std::byte> zeros(settings_.prewrite_step());
  const std::array<std::span<const std::byte>, 1> parts{zeros};
  const auto written = active().file().write(file_bytes_, parts);
  if (written) {
    file_bytes_ += zeros.size();
  } else if (!is_clean(written.error())) {
    note(Mark::WriteFailed);
    return std::unexpected(fail(written.error()));
  } else {
    note(Mark::NoRoomForZeros);
  }
  // Without room for zeros there may still be room for the frame.
  return {};
}

// Puts zeros where a frame was written in part, durably, so that nothing of it is ever read: what
// was written may be all of it that is not zero. Where that fails, for want of room even, nobody
// knows what is there, and the log takes no more.
Result<void> LogTail::take_back_write() {
  const std::vector<std::byte> zeros(file_bytes_ - std::min(file_bytes_, end_.offset));
  if (zeros.empty()) return {};
  const std::array<std::span<const std::byte>, 1> parts{zeros};
  auto written = active().file().write(end_.offset, parts);
  if (written) return sync_active();
  auto error = fail(std::move(written).error());
  error.code = ErrorCode::OutcomeUnknown;
  return std::unexpected(std::move(error));
}

Result<void> LogTail::sync_active() {
  auto synced = active().file().sync();
  if (!synced && is_planted(Plant::RetryFailedSync)) synced = active().file().sync();
  if (synced) return {};
  note(Mark::SyncFailed);
  auto error = fail(std::move(synced).error());
  error.code = ErrorCode::OutcomeUnknown;
  return std::unexpected(std::move(error));
}

Error LogTail::fail(Error error) {
  settings_.notify(Notice::Level::Error,
                   error.message + "; the store takes no more appends until it is opened again");
  if (failure_) return error;
  failure_ = error;
  const MutexLock lock(failure_mutex_);
  failure_for_others_ = error;
  return error;
}

std::optional<Error> LogTail::failure_seen() const {
  const MutexLock lock(failure_mutex_);
  return failure_for_others_;
}

// The lock is on a file, which can be removed; then another process locks a new one. Whoever writes
// on to the same files destroys what the other one acknowledged. What is left is a process that is
// stopped between this look and its write for as long as the other takes to open the store.
Result<void> LogTail::require_lock() const {
  const bool is_removed = lock_->is_removed();
  if (!is_removed && head_page_->is_ours()) return {};
  const auto* const what = is_removed
                               ? ": the file was removed or replaced while the store was open; "
                                 "another process may write to it by now"
                               : ": another process has opened the store for writing meanwhile";
  return std::unexpected(
      Error{.code = ErrorCode::ReadOnly, .message = lock_path(settings_.folder) + what});
}

void LogTail::publish() {
  active().set_durable_bytes(end_.offset);
  const GlobalPosition head{end_.next_position.value - 1};
  view_.publish(head);
  head_page_->publish(head, manifest_generation_.load(std::memory_order_relaxed));
  if (builder_->is_full()) begin_run();
}

// All of the run before is published.
void LogTail::begin_run() {
  ++ended_;
  builder_->split(end_.next_position);
  static_cast<void>(builder_->take_ended());  // the layout has it
  view_.update([this](LogLayout& layout) { layout.runs.push_back(builder_->current()); });
  while (keeper_->unwritten() > LogSettings::kUnwrittenRunsMax) {
    if (!keeper_->write_one()) break;  // reported there; tried again later
  }
}

Result<void> LogTail::remove_posting_file(const std::string& path) const {
  if (auto held = require_lock(); !held) return held;
  return remove_if_there(*environment_.files, path);
}

void LogTail::close_index() {
  if (failure_) return;
  const auto events_max = std::min(kShortRunEvents, settings_.run_events_max);
  if (builder_->index().size() >= events_max) begin_run();
  while (keeper_->write_one().value_or(false)) {
  }
}

Result<void> LogTail::mark() {
  if (end_.marked || failure_) return {};
  FrameHeader header{.flags = kMarkFrame,
                     .first_position = end_.next_position,
                     .next_position = end_.next_position,
                     .recorded_at = end_.recorded_at,
                     .body_checksum = BodyChecksum().finish(active().seed())};
  if (auto written = append(header, {}); !written) return written;
  active().set_durable_bytes(end_.offset);
  return {};
}

// The new segment's file comes first: it needs the most room, and until the manifest lists it it
// can be thrown away.
Result<void> LogTail::roll() {
  FrameHeader seal{.flags = kSealFrame,
                   .first_position = end_.next_position,
                   .next_position = end_.next_position,
                   .recorded_at = end_.recorded_at,
                   .link = end_.link,
                   .body_checksum = BodyChecksum().finish(active().seed())};
  std::array<std::byte, kFrameHeaderBytes> encoded{};
  encode_frame_header(seal, active().seed(), encoded);
  // The name of the next segment may be that of another writer's by now.
  if (auto held = require_lock(); !held) return std::unexpected(fail(std::move(held).error()));
  auto next = create_segment(environment_, settings_, next_segment_header(seal.checksum));
  if (!next) {
    if (is_clean(next.error())) {
      note(Mark::RollWithoutRoom);
      return std::unexpected(std::move(next).error());
    }
    return std::unexpected(fail(std::move(next).error()));
  }
  const auto before = end_;
  if (auto sealed = append(seal, {}); !sealed) {
    if (require_lock()) {
      static_cast<void>(remove_if_there(*environment_.files, (*next)->path()));
    }
    return sealed;
  }
  auto begun = begin_segment(*std::move(next));
  if (!begun && is_clean(begun.error()) && !failure_) {
    // The manifest could not be saved: the seal is taken back and the log goes on as before.
    note(Mark::RollTakenBack);
    end_ = before;
    if (auto undone = take_back_write(); !undone) return undone;
  }
  return begun;
}

SegmentHeader LogTail::next_segment_header(std::uint32_t link) {
  const auto& last = active().header();
  return {.store_id = last.store_id,
          .segment_id = make_uuid_v4(*environment_.random),
          .number = last.number + 1,
          .first_position = end_.next_position,
          .link = link};
}

// The active segment is sealed; `segment` follows it, in the manifest and then here.
Result<void> LogTail::begin_segment(std::shared_ptr<Segment> segment) {
  note(Mark::Rolled);
  auto& sealed = active();
  {
    const MutexLock lock(manifest_mutex_);
    auto manifest = manifest_;
    manifest.segments.back().last_position = GlobalPosition{end_.next_position.value - 1};
    manifest.segments.back().bytes = end_.offset;
    manifest.segments.push_back({.number = segment->header().number,
                                 .id = segment->header().segment_id,
                                 .first_position = segment->first_position()});
    if (auto saved = save_locked(std::move(manifest)); !saved) {
      if (is_clean(saved.error())) {
        static_cast<void>(remove_if_there(*environment_.files, segment->path()));
        return saved;
      }
      return std::unexpected(fail(std::move(saved).error()));
    }
  }
  sealed.set_durable_bytes(end_.offset);
  // It is read, and mapped, by its name from now on; where that fails a read says so.
  static_cast<void>(sealed.write_done());
  {
    const MutexLock lock(undigested_mutex_);
    undigested_.push_back(active_);
  }
  ++ended_;
  // Where a segment ends a run does, so that it can be rewritten without the run that grows.
  if (end_.next_position > builder_->current()->first_position) begin_run();
  const auto recorded_at = end_.recorded_at;
  end_ = ScanState::at_start_of(segment->header());
  end_.recorded_at = recorded_at;
  file_bytes_ = kSegmentHeaderBytes + settings_.prewrite_step();
  active_ = std::move(segment);
  view_.update([this](LogLayout& layout) { layout.segments.push_back(active_); });
  return {};
}

Result<bool> LogTail::finish_one() {
  auto written = keeper_->write_one();
  if (!written || *written) return written;
  return digest_one();
}

Result<bool> LogTail::digest_one() {
  const MutexLock digesting(digest_mutex_);
  std::shared_ptr<Segment> segment;
  {
    const MutexLock lock(undigested_mutex_);
    if (undigested_.empty()) return false;
    segment = undigested_.front();
  }
  const auto complain = [&](Error error) {
    note(Mark::DigestFailed);
    settings_.notify(Notice::Level::Warning, error.message + "; the digest is made later");
    return std::unexpected(std::move(error));
  };
  auto digest = segment_digest(*segment);
  if (!digest) return complain(std::move(digest).error());
  const MutexLock lock(manifest_mutex_);
  auto manifest = manifest_;
  const auto listed =
      std::ranges::find(manifest.segments, segment->header().segment_id, &ManifestSegment::id);
  if (listed != manifest.segments.end()) {  // it was not rewritten meanwhile
    listed->digest = *std::move(digest);
    if (auto saved = save_locked(std::move(manifest)); !saved) {
      return complain(std::move(saved).error());
    }
  }
  const MutexLock undigested_lock(undigested_mutex_);
  undigested_.erase(undigested_.begin());
  note(Mark::Digested);
  return true;
}

Result<void> LogTail::save_locked(Manifest manifest) {
  if (auto held = require_lock(); !held) return held;
  ++manifest.generation;
  if (auto saved = save_manifest(*environment_.files, settings_.folder, manifest); !saved) {
    // A reader may have seen it all the same: no other manifest gets its generation.
    manifest_.generation = manifest.generation;
    return saved;
  }
  manifest_ = std::move(manifest);
  manifest_generation_.store(manifest_.generation, std::memory_order_relaxed);
  return {};
}

Result<void> LogTail::list_rewritten(std::span<const ManifestSegment> rewritten) {
  const MutexLock lock(manifest_mutex_);
  auto manifest = manifest_;
  for (const auto& segment : rewritten) {
    *std::ranges::find(manifest.segments, segment.number, &ManifestSegment::number) = segment;
  }
  if (auto saved = save_locked(std::move(manifest)); !saved) return saved;
  head_page_->announce(manifest_.generation);
  return {};
}

Manifest LogTail::manifest() const {
  const MutexLock lock(manifest_mutex_);
  return manifest_;
}

}  // namespace eventstore::log
