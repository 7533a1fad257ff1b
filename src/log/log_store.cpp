#include "log/log_store.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "core/mapped_access.hpp"
#include "core/one_at_a_time.hpp"
#include "eventstore/validate.hpp"
#include "log/following_cursor.hpp"
#include "log/lookup.hpp"

namespace eventstore::log {
namespace {

// How long a wait sleeps before it looks at cancellation and closing.
constexpr std::chrono::microseconds kWaitSlice{50'000};

Error read_only() {
  return {.code = ErrorCode::ReadOnly,
          .message = "the store was opened read-only; open it for writing to append"};
}

Error closed() {
  return {.code = ErrorCode::Closed, .message = "the store is being closed"};
}

// Nobody can wake a reader before a writer makes the page for it.
void wait_without_page(std::chrono::microseconds time, const std::stop_token& cancellation) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, cancellation, time, [] { return false; });
}

}  // namespace

LogStore::LogStore(Environment environment, std::string engine, std::unique_ptr<FileSystem> owned)
    : owned_(std::move(owned)), environment_(environment), engine_(std::move(engine)) {}

Result<std::unique_ptr<LogStore>> LogStore::open(Environment environment, const std::string& folder,
                                                 const OpenOptions& options,
                                                 const LogStoreTuning& tuning, std::string engine,
                                                 std::unique_ptr<FileSystem> owned) {
  std::unique_ptr<LogStore> store(new LogStore(environment, std::move(engine), std::move(owned)));
  LogSettings settings{.folder = folder,
                       .segment_bytes_max = options.segment_bytes_max,
                       .prewrite_bytes = tuning.prewrite_bytes,
                       .run_events_max = tuning.run_events_max,
                       .run_bytes_max = options.index_bytes_max / LogSettings::kRunsInMemoryMax,
                       .merge_width = tuning.merge_width,
                       .on_notice = one_at_a_time(options.on_notice)};
  store->settings_ = settings;
  if (options.read_only) {
    auto follower = LogFollower::open(environment, std::move(settings), store->view_);
    if (!follower) return std::unexpected(std::move(follower).error());
    store->follower_ = *std::move(follower);
    store->secret_ = store->follower_->secret();
    store->identify(store->follower_->manifest());
    return store;
  }
  if (auto started = store->start_writing(std::move(settings), options, tuning); !started) {
    return std::unexpected(std::move(started).error());
  }
  return store;
}

Result<void> LogStore::start_writing(LogSettings settings, const OpenOptions& options,
                                     const LogStoreTuning& tuning) {
  auto tail = LogTail::open(environment_, std::move(settings), options.create, view_);
  if (!tail) return std::unexpected(std::move(tail).error());
  tail_ = *std::move(tail);
  secret_ = tail_->secret();
  identify(tail_->manifest());
  writer_ = std::make_unique<LogWriter>(environment_, *tail_);
  start_scrub(options, tuning);
  if (!tuning.threads) return {};
  finishing_.start([this] {
    const auto done = tail_->finish_one().value_or(false);
    if (done) merging_.wake();
    return done;
  });
  merging_.start([this] { return tail_->merge_one().value_or(false); });
  queue_ = std::make_unique<AppendQueue>(
      *environment_.clock,
      AppendQueueOptions{.requests_max = options.queue_requests_max,
                         .bytes_max = options.queue_bytes_max},
      [this](std::span<PendingAppend* const> group) {
        const auto ended = tail_->ended();
        writer_->commit(group);
        if (tail_->ended() > ended) finishing_.wake();
      },
      [this] { static_cast<void>(tail_->mark()); });  // a failure shows at the next append
  return {};
}

void LogStore::identify(const Manifest& manifest) {
  store_id_ = manifest.store_id;
  lineage_id_ = manifest.lineage.back().id;
}

// What lives in memory alone has no disk to rot.
void LogStore::start_scrub(const OpenOptions& options, const LogStoreTuning& tuning) {
  if (options.scrub_bytes_per_second == 0 || owned_ != nullptr) return;
  scrub_ = std::make_unique<Scrub>(
      environment_, tail_->settings(),
      ScrubSettings{.bytes_per_second = options.scrub_bytes_per_second,
                    .period = options.scrub_period},
      Scrub::LogAccess{
          .look =
              [this] {
                return Scrub::Log{.snapshot = view_.snapshot(), .manifest = tail_->manifest()};
              },
          .remove_posting_file =
              [this](const std::string& path) { return tail_->remove_posting_file(path); }});
  if (!tuning.threads) return;
  scrubbing_ = std::jthread([this, delay = tuning.scrub_delay](const std::stop_token& stop) {
    scrub_->run(stop, delay);
  });
}

LogStore::~LogStore() {
  closing_ = true;
  scrubbing_.request_stop();
  if (queue_ != nullptr) queue_->close();
  finishing_.stop();
  merging_.stop();
  // Nobody is left to be told of a failure; recovery copes without either.
  if (tail_ == nullptr) return;
  static_cast<void>(tail_->mark());
  tail_->close_index();
}

Result<PreparedAppend> LogStore::prepare(AppendRequest request) {
  const auto refuse = [&](Error error) {
    if (request.context.chain != nullptr) request.context.chain->break_off();
    return std::unexpected(std::move(error));
  };
  if (closing_) return refuse(closed());
  if (tail_ == nullptr) return refuse(read_only());
  if (auto valid = validate(request); !valid) return refuse(std::move(valid).error());
  return PreparedAppend(std::move(request), environment_, secret_);
}

Result<AppendResult> LogStore::append(AppendRequest request) {
  auto prepared = prepare(std::move(request));
  if (!prepared) return std::unexpected(std::move(prepared).error());
  if (queue_ != nullptr) return queue_->append(*std::move(prepared));
  Result<AppendResult> result;
  unthreaded_queue_.emplace_back(new PendingAppend{
      .append = *std::move(prepared),
      .callback = [&](Result<AppendResult> answer) { result = std::move(answer); }});
  commit_queued();
  return result;
}

void LogStore::commit_queued() {
  const auto queued = std::exchange(unthreaded_queue_, {});
  std::vector<PendingAppend*> group;
  group.reserve(queued.size());
  for (const auto& pending : queued) group.push_back(pending.get());
  writer_->commit(group);
  for (const auto& pending : queued) pending->callback(std::move(pending->result));
}

bool LogStore::step() {
  if (!unthreaded_queue_.empty()) {
    commit_queued();
    return true;
  }
  if (tail_ == nullptr) return false;
  return tail_->finish_one().value_or(false) || tail_->merge_one().value_or(false);
}

void LogStore::append_async(AppendRequest request, AppendCallback callback) {
  auto prepared = prepare(std::move(request));
  if (queue_ == nullptr) {
    if (!prepared) return callback(std::unexpected(std::move(prepared).error()));
    unthreaded_queue_.emplace_back(
        new PendingAppend{.append = *std::move(prepared), .callback = std::move(callback)});
    return;
  }
  if (!prepared) {
    return queue_->answer_async(std::move(callback), std::unexpected(std::move(prepared).error()));
  }
  queue_->append_async(*std::move(prepared), std::move(callback));
}

Result<Snapshot> LogStore::snapshot() {
  const MappedAccess access;
  if (closing_) return std::unexpected(closed());
  if (follower_ != nullptr) {
    if (auto refreshed = follower_->refresh(); !refreshed) {
      return std::unexpected(std::move(refreshed).error());
    }
  }
  return view_.snapshot();
}

Result<std::unique_ptr<Cursor>> LogStore::read(ReadRequest request) {
  if (auto valid = validate(request); !valid) return std::unexpected(std::move(valid).error());
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  auto& clock = *environment_.clock;
  if (follower_ == nullptr) {
    return std::make_unique<LogCursor>(*std::move(seen), std::move(request), secret_, clock);
  }
  return std::make_unique<FollowingCursor>(*std::move(seen), std::move(request), secret_, clock,
                                           [this]() -> Result<Snapshot> {
                                             const MappedAccess access;
                                             auto refreshed = follower_->refresh_all();
                                             if (refreshed) return view_.snapshot();
                                             return std::unexpected(std::move(refreshed).error());
                                           });
}

Result<GlobalPosition> LogStore::head() {
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  return seen->head;
}

HeadPage* LogStore::head_page() {
  return follower_ != nullptr ? follower_->head_page() : &tail_->head_page();
}

Result<GlobalPosition> LogStore::wait_past(GlobalPosition position, Deadline deadline,
                                           std::stop_token cancellation) {
  const MappedAccess access;
  for (;;) {
    auto* page = head_page();
    const auto word = page != nullptr ? page->wake_word() : 0;
    const auto seen = head();
    if (!seen) return seen;
    if (*seen > position) return seen;
    if (cancellation.stop_requested()) {
      return std::unexpected(
          Error{.code = ErrorCode::Cancelled, .message = "the wait was cancelled"});
    }
    const auto now = environment_.clock->monotonic_now();
    if (deadline <= now) {
      return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                   .message = "no event came after position " +
                                              std::to_string(position.value) + " in time"});
    }
    const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - now);
    const auto slice = std::min(left, kWaitSlice);
    if (page != nullptr) {
      page->wait(word, slice);
    } else {
      wait_without_page(slice, cancellation);
    }
  }
}

Result<std::optional<StreamInfo>> LogStore::stream_info(std::string_view stream) {
  const MappedAccess access;
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  return answer([&](const Snapshot& seen) {
    return log::stream_info(seen, stream, secret_, environment_.clock->wall_now());
  });
}

Result<std::vector<StreamInfo>> LogStore::list_streams(const ListStreamsRequest& request) {
  const MappedAccess access;
  return answer([&](const Snapshot& seen) {
    return log::list_streams(seen, request, secret_, environment_.clock->wall_now());
  });
}

Result<std::vector<std::optional<EventLocation>>> LogStore::find(std::string_view stream,
                                                                 std::span<const Uuid> ids) {
  const MappedAccess access;
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  return answer([&](const Snapshot& seen) -> Result<std::vector<std::optional<EventLocation>>> {
    std::vector<std::optional<EventLocation>> found;
    found.reserve(ids.size());
    for (const auto& id : ids) {
      auto location = find_event(seen, stream, id, hash_id(stream, id, secret_));
      if (!location) return std::unexpected(std::move(location).error());
      found.push_back(*location);
    }
    return found;
  });
}

Capabilities LogStore::capabilities() const {
  return {.engine = engine_,
          .durability = owned_ == nullptr ? Durability::PowerLoss : Durability::None,
          .dense_positions = true,
          .zero_copy = true,
          .many_writing_processes = false};
}

}  // namespace eventstore::log
