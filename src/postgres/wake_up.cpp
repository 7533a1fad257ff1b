#include "postgres/wake_up.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace eventstore::postgres {
namespace {

constexpr auto kBetweenNotifications = std::chrono::milliseconds(2);
// How long a notification that was lost can cost; and how often to look where there are none.
constexpr auto kSlowly = std::chrono::seconds(1);
constexpr auto kOften = std::chrono::milliseconds(20);
constexpr auto kBetweenLooksAtQueue = std::chrono::seconds(10);

// Nothing is lost where a notification is: no commit is to wait for the disk because of it.
constexpr const char* kHurry = "SELECT set_config('synchronous_commit', 'off', true)";
constexpr const char* kNotify = "SELECT pg_notify($1::text, $2::text)";
constexpr const char* kQueue =
    "SELECT 100 * pg_notification_queue_usage() > $1::int,"
    " round(100 * pg_notification_queue_usage())::int";

Error closed() {
  return {.code = ErrorCode::Closed, .message = "the store is being closed"};
}

std::optional<GlobalPosition> parse_head(const std::string& text) {
  GlobalPosition head;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, head.value);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return head;
}

}  // namespace

WakeUp::WakeUp(const StoreSettings& settings, AskHead ask_head)
    : settings_(settings), ask_head_(std::move(ask_head)), wake_fd_(::eventfd(0, EFD_CLOEXEC)) {
  if (!settings_.read_only) {
    notifying_ = std::jthread([this](const std::stop_token& stop) { notify(stop); });
  }
}

WakeUp::~WakeUp() {
  notifying_.request_stop();
  listening_.request_stop();
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_fd_, &one, sizeof(one)));
  if (notifying_.joinable()) notifying_.join();
  if (listening_.joinable()) listening_.join();
  ::close(wake_fd_);
}

void WakeUp::saw(GlobalPosition head) {
  const MutexLock lock(mutex_);
  if (head <= head_) return;
  head_ = head;
  changed_.notify_all();
}

bool WakeUp::is_news(GlobalPosition head) {
  const MutexLock lock(mutex_);
  return head > head_;
}

void WakeUp::committed(GlobalPosition head) {
  const MutexLock lock(mutex_);
  head_ = std::max(head_, head);
  committed_ = std::max(committed_, head);
  changed_.notify_all();
}

Result<GlobalPosition> WakeUp::wait_past(GlobalPosition position, Deadline deadline,
                                         const std::stop_token& cancellation) {
  if (settings_.stop.stop_requested()) return std::unexpected(closed());
  {
    const MutexLock lock(mutex_);
    if (!listening_.joinable()) {
      listening_ = std::jthread([this](const std::stop_token& stop) { listen(stop); });
    }
  }
  const auto asked = ask_head_();
  if (!asked) return asked;
  saw(*asked);
  const std::stop_callback wake(settings_.stop, [this] { changed_.notify_all(); });
  MutexLock lock(mutex_);
  for (;;) {
    if (head_ > position) return head_;
    if (cancellation.stop_requested()) {
      return std::unexpected(
          Error{.code = ErrorCode::Cancelled, .message = "the wait was cancelled"});
    }
    if (settings_.stop.stop_requested()) return std::unexpected(closed());
    if (std::chrono::steady_clock::now() >= deadline) {
      return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                   .message = "no event came after position " +
                                              std::to_string(position.value) + " in time"});
    }
    // Both may end the wait: the clock of condition variables takes no time too far away.
    const auto slice = std::min(deadline, std::chrono::steady_clock::now() + kSlowly);
    changed_.wait_until(lock, cancellation, slice, [&]() REQUIRES(mutex_) {
      return head_ > position || settings_.stop.stop_requested();
    });
  }
}

void WakeUp::listen(const std::stop_token& stop) {
  Backoff backoff(*settings_.environment.random, stop);
  while (!stop.stop_requested()) {
    if (settings_.listening.uri.empty()) {
      // Nobody tells: look.
      if (const auto head = ask_head_()) saw(*head);
      MutexLock lock(mutex_);
      changed_.wait_for(lock, stop, kOften, [] { return false; });
    } else if (!listen_once(stop)) {
      if (const auto head = ask_head_()) saw(*head);
      if (!backoff.wait(Deadline::max())) return;
    }
  }
}

// Until the connection ends. LISTEN first, then look: what comes between is told.
bool WakeUp::listen_once(const std::stop_token& stop) {
  const auto patience = [&] { return std::chrono::steady_clock::now() + settings_.patience; };
  auto connection = Connection::open(settings_.listening, patience(), settings_.stop);
  if (!connection) return false;
  const auto sql = "LISTEN " + settings_.channel;
  if (!(*connection)->run({.sql = sql}, patience())) return false;
  auto next_look = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    if (std::chrono::steady_clock::now() >= next_look) {
      if (const auto head = ask_head_()) saw(*head);
      next_look = std::chrono::steady_clock::now() + kSlowly;
    }
    const auto told = (*connection)->wait_for_notification(next_look, wake_fd_);
    if (!told) return false;
    if (!*told) continue;
    // Anybody may notify: what is told is believed once the store says so.
    if (const auto told_head = parse_head(**told); !told_head || !is_news(*told_head)) continue;
    if (const auto head = ask_head_()) saw(*head);
  }
  return true;
}

bool WakeUp::tell(Connection& connection, GlobalPosition head, Deadline deadline) const {
  const std::array calls = {
      Call{.sql = kHurry},
      Call{.sql = kNotify,
           .parameters = std::move(
               Parameters().text(settings_.channel_name).text(std::to_string(head.value)))}};
  return connection.run(calls, deadline).has_value();
}

// The server keeps notifications, of all databases, until the slowest listener has taken them; one
// that stays in a transaction takes none. When the queue is full, no NOTIFY commits any more.
void WakeUp::look_at_queue(Connection& connection, Deadline deadline) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_at_queue_) return;
  next_look_at_queue_ = now + kBetweenLooksAtQueue;
  const auto usage = connection.run(
      {.sql = kQueue, .parameters = Parameters().int4(settings_.notification_queue_percent_most)},
      deadline);
  if (!usage) return;
  const bool was_full = std::exchange(queue_is_full_, usage->boolean(0, 0));
  if (was_full || !queue_is_full_) return;
  settings_.notify(Notice::Level::Warning,
                   "the server's queue of notifications is full to " +
                       std::to_string(usage->int4(0, 1)) +
                       " %: a session that listens has been in a transaction for long"
                       " (pg_stat_activity has them); when it is full, waiting readers only look"
                       " once a second");
}

void WakeUp::notify(const std::stop_token& stop) {
  const auto patience = [&] { return std::chrono::steady_clock::now() + settings_.patience; };
  std::unique_ptr<Connection> connection;
  Backoff backoff(*settings_.environment.random, stop);
  MutexLock lock(mutex_);
  // What was committed last is told also where the store is being closed.
  for (;;) {
    changed_.wait(lock, stop, [this]() REQUIRES(mutex_) { return committed_ > notified_; });
    if (committed_ <= notified_) return;
    const auto head = committed_;
    lock.unlock();
    if (connection == nullptr || !connection->is_usable()) {
      auto made = Connection::open(settings_.connection, patience(), settings_.stop);
      connection = made ? *std::move(made) : nullptr;
    }
    const bool told = connection != nullptr && tell(*connection, head, patience());
    if (told) look_at_queue(*connection, patience());
    if (!told) {
      connection.reset();
      if (!backoff.wait(Deadline::max())) return;
    }
    lock.lock();
    if (told) notified_ = head;
    const auto until = std::chrono::steady_clock::now() + kBetweenNotifications;
    changed_.wait_until(lock, stop, until, [] { return false; });
  }
}

}  // namespace eventstore::postgres
