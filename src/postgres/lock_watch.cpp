#include "postgres/lock_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace eventstore::postgres {
namespace {

// $1, $2 the lock, $3 what an earlier look gave, $4 seconds: a session that holds the lock and
// waits for more, how far it has come, and whether it was ended. In a COPY that is for having come
// no further; of anything else the server does not say how far it is, but for how long.
constexpr const char* kLook =
    "SELECT progress, pid, CASE WHEN CASE WHEN copies THEN progress = $3::text ELSE age >"
    " $4::bigint * interval '1 second' END THEN pg_terminate_backend(pid) ELSE false END FROM"
    " (SELECT a.pid, concat_ws('/', a.pid, a.backend_start, a.query_start, c.bytes_processed) AS"
    " progress, c.pid IS NOT NULL AS copies, clock_timestamp() - a.query_start AS age"
    " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " LEFT JOIN pg_stat_progress_copy c ON c.pid = l.pid WHERE l.locktype = 'advisory'"
    " AND l.granted AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid AND l.objsubid ="
    " 2 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND a.wait_event = 'ClientRead') holder";

}  // namespace

LockWatch::LockWatch(const StoreSettings& settings)
    : settings_(settings),
      thread_(std::jthread([this](const std::stop_token& stop) { run(stop); })) {}

void LockWatch::began() {
  const MutexLock lock(mutex_);
  under_way_since_ = settings_.environment.clock->monotonic_now();
  if (std::exchange(is_at_rest_, false)) changed_.notify_all();
}

void LockWatch::ended() {
  const MutexLock lock(mutex_);
  under_way_since_.reset();
}

void LockWatch::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      MutexLock lock(mutex_);
      is_at_rest_ = !under_way_since_;
      if (!changed_.wait(lock, stop, [this]() REQUIRES(mutex_) { return !is_at_rest_; })) return;
    }
    watch(stop);
    connection_.reset();
  }
}

// For as long as groups are under way. What is quick needs no look.
void LockWatch::watch(const std::stop_token& stop) {
  const auto slow = std::min(settings_.silence_max, settings_.patience) / 2;
  std::optional<std::string> before;
  for (;;) {
    {
      MutexLock lock(mutex_);
      changed_.wait_for(lock, stop, settings_.silence_max, [] { return false; });
      if (stop.stop_requested() || !under_way_since_) return;
      if (settings_.environment.clock->monotonic_now() - *under_way_since_ < slow) continue;
    }
    before = look(before);
  }
}

std::optional<std::string> LockWatch::look(const std::optional<std::string>& before) {
  const auto deadline = settings_.environment.clock->monotonic_now() + settings_.patience;
  if (connection_ == nullptr || !connection_->is_usable()) {
    auto made = Connection::open(settings_.connection, deadline, settings_.stop);
    connection_ = made ? *std::move(made) : nullptr;
  }
  if (connection_ == nullptr) return std::nullopt;
  Parameters parameters = std::move(Parameters().int8(kLockClass).int8(settings_.lock_key));
  before ? parameters.text(*before) : parameters.null();
  // By then whoever sends it has given up, unless it is more patient than this store.
  const auto most = std::chrono::ceil<std::chrono::seconds>(2 * settings_.patience);
  parameters.int8(static_cast<std::uint64_t>(most.count()));
  const auto found = connection_->run({.sql = kLook, .parameters = parameters}, deadline);
  if (!found || found->empty()) return std::nullopt;
  if (found->boolean(0, 2)) {
    settings_.notify(Notice::Level::Warning,
                     "session " + std::to_string(found->int4(0, 1)) +
                         " of the server held the lock of the store and sent nothing any more; it"
                         " was ended, and nothing of it is stored");
  }
  return std::string(found->text(0, 0));
}

}  // namespace eventstore::postgres
