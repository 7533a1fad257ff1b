#include "postgres/months_ahead.hpp"

#include <algorithm>

#include "postgres/backoff.hpp"

namespace eventstore::postgres {
namespace {

constexpr const char* kNow = "SELECT clock_timestamp()";

}  // namespace

MonthsAhead::MonthsAhead(const StoreSettings& settings, Connection& connection)
    : settings_(settings) {
  static_cast<void>(make(connection));  // what it could not make is left to whoever appends
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void MonthsAhead::began(Month month) {
  const MutexLock lock(mutex_);
  if (month <= newest_) return;
  newest_ = month;
  if (newest_ > made_for_) changed_.notify_all();
}

// Where the role may not make tables, somebody else has to, or the default ones must do. Fails
// where the server did not answer.
Answer<void> MonthsAhead::make(Connection& connection) {
  Timestamp now;
  if (settings_.server_time) {
    now = settings_.server_time();
  } else {
    const auto told = connection.run({.sql = kNow}, patience());
    if (!told) return std::unexpected(told.error());
    now = told->timestamptz(0, 0);
  }
  Month month;
  {
    const MutexLock lock(mutex_);
    month = made_for_ = std::max(newest_, Month::of(now));
  }
  for (std::uint32_t ahead = 0; ahead <= kMonthsAhead; ++ahead, month = month.next()) {
    const auto made = make_month_tables(connection, settings_.schema, month, patience());
    if (made) continue;
    if (made.error().is_passing()) return std::unexpected(made.error());
    // Its events are in the default tables already, and stay there.
    if (made.error().is(kCheckViolation)) continue;
    settings_.notify(Notice::Level::Warning, "no tables could be made for the events of " +
                                                 month.to_string() + ": " + made.error().message +
                                                 "; let the owner of the schema make them" +
                                                 " (`event-store maint partition --ahead 12`)");
    if (made.error().is("42501")) return {};  // insufficient_privilege: of the others neither
  }
  return {};
}

void MonthsAhead::run(const std::stop_token& stop) {
  Backoff backoff(*settings_.environment.random, stop);
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!changed_.wait(lock, stop, [this]() REQUIRES(mutex_) { return newest_ > made_for_; })) {
        return;
      }
    }
    for (;;) {
      const auto connection = Connection::open(settings_.connection, patience(), settings_.stop);
      if (connection && make(**connection)) break;
      if (!backoff.wait(Deadline::max())) return;
    }
  }
}

}  // namespace eventstore::postgres
