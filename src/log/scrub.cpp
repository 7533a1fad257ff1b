#include "log/scrub.hpp"

#include <algorithm>
#include <utility>

#include "core/campaign_hooks.hpp"
#include "core/check.hpp"
#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/run_files.hpp"
#include "log/segment_scrub.hpp"
#include "log/verify.hpp"

namespace eventstore::log {
namespace {

// Between two looks at whether to stop, so much is read at most, but for what hangs together: a
// frame, a posting file.
constexpr std::uint64_t kStepBytes = std::uint64_t{256} << 10;
// A record that is so much behind is written.
constexpr std::uint64_t kUnsavedBytesMax = std::uint64_t{64} << 20;
constexpr std::size_t kFindingsMax = 100;
// How long to sleep where nothing is due.
constexpr std::chrono::seconds kIdle{60};

std::uint64_t bytes_of(const Snapshot& snapshot) {
  std::uint64_t bytes = 0;
  for (const auto& segment : snapshot.segments()) bytes += segment->durable_bytes();
  for (const auto& run : snapshot.runs()) {
    if (!run->is_in_memory()) bytes += posting_file_of(*run).file_bytes();
  }
  return bytes;
}

// The runs with posting files that end in a segment.
RunList written_runs_ending_in(const Snapshot& snapshot, std::size_t segment) {
  RunList runs;
  for (std::size_t ordinal = 0; ordinal < snapshot.runs().size(); ++ordinal) {
    const auto& run = snapshot.runs()[ordinal];
    if (run->is_in_memory()) continue;
    if (snapshot.segment_of(snapshot.last_position_of_run(ordinal)) == segment) runs.push_back(run);
  }
  return runs;
}

}  // namespace

Scrub::Scrub(Environment environment, const LogSettings& settings, ScrubSettings scrub,
             LogAccess log_access)
    : environment_(environment),
      settings_(settings),
      scrub_(scrub),
      log_access_(std::move(log_access)),
      record_(load_scrub_record(*environment.files, settings.folder)) {}

Scrub::~Scrub() {
  if (bytes_unsaved_ > 0) save();
}

std::uint64_t Scrub::step(std::uint64_t bytes_max) {
  if (segment_ == nullptr && !begin_segment()) return 0;
  const bool is_segment = segment_->state() == SegmentScrub::State::UnderWay;
  const auto bytes = is_segment ? segment_->step(bytes_max) : check_posting_file();
  {
    const MutexLock lock(mutex_);
    record_.bytes += bytes;
  }
  bytes_unsaved_ += bytes;
  if (segment_->state() != SegmentScrub::State::UnderWay && runs_.empty()) end_segment();
  return std::max<std::uint64_t>(bytes, 1);
}

// A pass that another process began, or this one before it was closed, goes on.
bool Scrub::begin_pass(std::uint64_t last_segment) {
  const auto now = environment_.clock->wall_now();
  const MutexLock lock(mutex_);
  // The record is that of a longer log: it was put back, or this one was.
  if (record_.next_segment > last_segment) record_.next_segment = 0;
  if (record_.next_segment != 0) return true;
  // A clock that went back must not put the next pass off.
  const bool is_due = !record_.started_at || now < *record_.started_at ||
                      now - *record_.started_at >= scrub_.period;
  if (!is_due) return false;
  record_ = {.started_at = now,
             .completed_at = record_.completed_at,
             .next_segment = 1,
             .finding_count_before = record_.finding_count_before};
  return true;
}

bool Scrub::begin_segment() {
  auto log = log_access_.look();
  if (!begin_pass(log.snapshot.segments().back()->header().number)) return false;
  log_ = std::move(log);
  const auto& segments = log_.snapshot.segments();
  const auto number = [&] {
    const MutexLock lock(mutex_);
    return record_.next_segment;
  }();
  const auto next = std::ranges::find_if(
      segments, [&](const auto& segment) { return segment->header().number >= number; });
  CHECK(next != segments.end());
  ordinal_ = static_cast<std::size_t>(next - segments.begin());
  const auto listed =
      std::ranges::find(log_.manifest.segments, (*next)->header().segment_id, &ManifestSegment::id);
  const bool is_listed = listed != log_.manifest.segments.end();
  segment_ = std::make_unique<SegmentScrub>(*next, is_listed ? listed->digest : std::string());
  runs_ = written_runs_ending_in(log_.snapshot, ordinal_);
  return true;
}

void Scrub::end_segment() {
  if (segment_->state() == SegmentScrub::State::Suspect) check_in_full();
  const auto number = segment_->segment().header().number;
  const bool was_last = ordinal_ + 1 == log_.snapshot.segments().size();
  segment_ = nullptr;
  log_ = {};
  {
    const MutexLock lock(mutex_);
    record_.next_segment = number + 1;
    if (was_last) {
      record_.next_segment = 0;
      record_.completed_at = environment_.clock->wall_now();
      record_.finding_count_before = std::exchange(record_.finding_count, 0);
    }
  }
  if (was_last) note(Mark::ScrubbedAll);
  if (was_last || bytes_unsaved_ >= kUnsavedBytesMax) save();
}

void Scrub::check_in_full() {
  const MappedAccess access;
  const auto findings = verify_segment(settings_, log_.snapshot, log_.manifest, ordinal_);
  if (findings) {
    for (const auto& finding : *findings) report(finding);
  } else {
    settings_.notify(Notice::Level::Warning,
                     "the background check could not read all: " + findings.error().message);
  }
}

// Returns how many bytes it has.
std::uint64_t Scrub::check_posting_file() {
  if (runs_.empty()) return 0;
  const auto run = runs_.back();
  runs_.pop_back();
  const auto& file = posting_file_of(*run);
  const MappedAccess access;
  const auto verified = file.verify();
  if (access.failed()) {
    const auto error = access_failed(file.path());
    report(
        {.message = error.message, .where = {.file = file.path()}, .streams = AffectedStreams{}});
  } else if (!verified) {
    drop(file, verified.error());
  }
  return file.file_bytes();
}

// What is read through it until then fails where it is damaged, and is not wrong.
void Scrub::drop(const PostingFile& file, const Error& damage) {
  const auto removed = log_access_.remove_posting_file(file.path());
  auto message = damage.message + "; no event is lost: the posting file ";
  message += removed ? "is removed, and made again when the store is opened for writing"
                     : "could not be removed: " + removed.error().message;
  const auto* const where = std::get_if<DamageDetails>(&damage.details);
  report({.message = std::move(message),
          .where = where != nullptr ? *where : DamageDetails{.file = file.path()},
          .streams = AffectedStreams{}});
}

void Scrub::report(const Finding& finding) {
  {
    const MutexLock lock(mutex_);
    ++record_.finding_count;
  }
  if (reported_.size() >= kFindingsMax || !reported_.insert(finding.message).second) return;
  settings_.notify(Notice::Level::Error, finding.message);
  const MutexLock lock(mutex_);
  findings_.push_back(finding);
}

// Not more than asked for, unless a pass would take longer than its period.
std::uint64_t Scrub::rate() const {
  const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(scrub_.period.count(), 1));
  const auto bytes = log_.snapshot.layout != nullptr ? bytes_of(log_.snapshot) : 0;
  return std::max(scrub_.bytes_per_second, bytes / seconds);
}

void Scrub::run(const std::stop_token& stop, std::chrono::seconds delay) {
  Mutex mutex;
  std::condition_variable_any never;
  MutexLock lock(mutex);
  const auto sleep = [&](std::chrono::microseconds time) {
    never.wait_for(lock, stop, time, [] { return false; });
  };
  sleep(delay);
  while (!stop.stop_requested()) {
    const auto rate = this->rate();
    const auto bytes = step(std::min(rate, kStepBytes));
    sleep(bytes == 0 ? std::chrono::microseconds(kIdle)
                     : std::chrono::microseconds(bytes * 1'000'000 / rate));
  }
}

void Scrub::save() {
  const auto record = [&] {
    const MutexLock lock(mutex_);
    return record_;
  }();
  bytes_unsaved_ = 0;
  // Without it the pass begins anew, no more.
  static_cast<void>(save_scrub_record(*environment_.files, settings_.folder, record));
}

ScrubStatus Scrub::status() const {
  const MutexLock lock(mutex_);
  auto status = status_of(record_);
  status.runs = true;
  status.findings = findings_;
  return status;
}

ScrubStatus Scrub::status_of(const ScrubRecord& record) {
  return {.started_at = record.started_at,
          .completed_at = record.completed_at,
          .bytes = record.bytes,
          .finding_count = std::max(record.finding_count, record.finding_count_before)};
}

}  // namespace eventstore::log
