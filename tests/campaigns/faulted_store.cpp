#include "campaigns/faulted_store.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "campaigns/postgres_servers.hpp"
#include "campaigns/violation.hpp"
#include "core/campaign_hooks.hpp"
#include "core/seeded_random.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "eventstore/text.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::test {
namespace {

constexpr const char* kLock =
    "SELECT pg_advisory_xact_lock($1::int, to_regnamespace($2::text)::oid::bigint::int)";

constexpr const char* kEnd =
    "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
    " WHERE application_name = $1::text";

// How a client goes on after that: nothing was written, and it may go through the next time.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::Unavailable || code == ErrorCode::Overloaded ||
         code == ErrorCode::DeadlineExceeded || code == ErrorCode::OutOfResources ||
         code == ErrorCode::NoSpace;
}

std::string name_of(AppendNumber number) {
  return "append " + std::to_string(number.number) + " of writer " + std::to_string(number.writer);
}

void wait_until(const std::function<bool()>& holds) {
  std::mutex mutex;
  std::condition_variable nobody;
  std::unique_lock lock(mutex);
  while (!nobody.wait_for(lock, std::chrono::milliseconds(2), holds)) {
  }
}

std::unique_ptr<EventStore> opened(const std::string& url) {
  auto store = open(url);
  if (!store) throw Violation{"the store does not open: " + store.error().message};
  return *std::move(store);
}

}  // namespace

FaultedStore::FaultedStore(OwnServer& server, int port, std::uint64_t seed,
                           const Settings& settings)
    : server_(server),
      seed_(seed),
      schema_(random_name("faulted_")),
      proxy_(port, seed),
      session_name_(schema_),
      ledger_(seed) {
  register_postgres_engine();
  // Made without what hinders it.
  static_cast<void>(opened(OwnServer::uri(server.port()) + "?schema=" + schema_));
  auto url = OwnServer::uri(proxy_.port()) + "?schema=" + schema_ +
             "&connections=2&application_name=" + session_name_;
  if (settings.is_pooled) url += "&pooler=transaction";
  if (!settings.timeout.empty()) url += "&options=-c%20" + settings.timeout + "%3D300ms";
  store_ = opened(url);
}

FaultedStore::~FaultedStore() {
  proxy_.calm();
  store_.reset();
  try {
    server_.start();
    const auto connection = connect_to(OwnServer::uri(server_.port()));
    run_sql(*connection, "DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
  } catch (
      const std::exception&) {  // NOLINT(bugprone-empty-catch): the server goes with the campaign
  }
}

void FaultedStore::append_in_threads(const std::function<void()>& meanwhile) {
  running_ = kWriters;
  std::vector<std::jthread> writers;
  writers.reserve(kWriters);
  for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer] {
      std::optional<std::string> violation;
      try {
        append_some(writer, kAppends, /*must_succeed=*/false);
      } catch (const Violation& found) {
        violation = found.what;
      } catch (const std::exception& error) {
        violation = error.what();
      }
      {
        const MutexLock lock(mutex_);
        if (violation && !violation_) violation_ = violation;
      }
      --running_;
      proxy_.wake();
    });
  }
  meanwhile();
  for (auto& thread : writers) thread.join();
  const MutexLock lock(mutex_);
  if (violation_) throw Violation{*violation_};
}

AppendRequest FaultedStore::request_of(AppendNumber number) const {
  auto request = known_append(seed_, number);
  const auto& stream = request.events.front().stream;
  const auto& versions = versions_.at(number.writer);
  const auto known = versions.find(stream);
  request.checks = {{.stream = stream,
                     .expected = ExpectedVersion::exactly(
                         known == versions.end() ? StreamVersion{} : known->second)}};
  return request;
}

void FaultedStore::append_some(std::uint64_t writer, std::uint64_t appends, bool must_succeed) {
  for (std::uint64_t count = 0; count < appends; ++count) {
    AppendNumber number{.writer = writer};
    {
      const MutexLock lock(mutex_);
      number.number = ledger_.next_number(writer);
    }
    append_once(number, must_succeed);
  }
}

void FaultedStore::append_once(AppendNumber number, bool must_succeed) {
  SeededRandom random(mix_bits(seed_ + number.writer) + number.number);
  const auto request = request_of(number);
  const auto answers_lost = proxy_.answers_lost();
  const auto deadline = soon(std::chrono::seconds(150));
  bool was_unknown = false;
  for (;;) {
    {
      const MutexLock lock(mutex_);
      ledger_.tries(number);
    }
    const auto result = store_->append(request);
    if (result) {
      if (result->repeated && !was_unknown) {
        throw Violation{name_of(number) + " is a repetition, though it was never there"};
      }
      note_done(number, request, *result);
      const bool was_lost = proxy_.answers_lost() > answers_lost;
      if (was_lost && is_planted(Plant::LostAnswerIsFailure)) {
        const MutexLock lock(mutex_);
        return ledger_.failed(number);
      }
      const bool other_ids = was_lost && is_planted(Plant::RetryWithOtherIds);
      if (other_ids || random.chance(1, 3)) append_again(number, request, *result);
      return;
    }
    was_unknown = note_failure(number, result.error());
    if (!was_unknown && !must_succeed && random.chance(1, 2)) return;
    if (must_succeed || std::chrono::steady_clock::now() >= deadline) {
      throw Violation{name_of(number) +
                      " is not done though nothing is in its way: " + result.error().message};
    }
  }
}

// True: whether it is done is not known.
bool FaultedStore::note_failure(AppendNumber number, const Error& error) {
  if (error.code == ErrorCode::OutcomeUnknown) {
    ++unknown_;
    return true;
  }
  if (!is_passing(error.code)) {
    throw Violation{name_of(number) + " fails with " + std::string(to_string(error.code)) + ": " +
                    error.message};
  }
  ++failures_;
  const MutexLock lock(mutex_);
  ledger_.failed(number);
  return false;
}

void FaultedStore::note_done(AppendNumber number, const AppendRequest& request,
                             const AppendResult& result) {
  auto& versions = versions_.at(number.writer);
  for (const auto& event : request.events) ++versions[event.stream].value;
  for (const auto& outcome : result.streams) {
    if (outcome.version == versions[outcome.stream]) continue;
    throw Violation{name_of(number) + " was answered with version " +
                    std::to_string(outcome.version.value) + " of " + outcome.stream + ", not " +
                    std::to_string(versions[outcome.stream].value)};
  }
  ++acknowledged_;
  const MutexLock lock(mutex_);
  ledger_.acknowledged(number, result.last_position);
}

// With the same ids, the outcome is the same.
void FaultedStore::append_again(AppendNumber number, AppendRequest request,
                                const AppendResult& first) {
  if (is_planted(Plant::RetryWithOtherIds)) {
    for (auto& event : request.events) event.id->bytes.front() ^= std::byte{1};
    request.checks.clear();
  }
  const auto deadline = soon(std::chrono::seconds(150));
  while (std::chrono::steady_clock::now() < deadline) {
    const auto again = store_->append(request);
    if (again) {
      ++again_;
      if (is_planted(Plant::RetryWithOtherIds)) return;
      if (again->repeated && again->first_position == first.first_position &&
          again->last_position == first.last_position && again->streams == first.streams) {
        return;
      }
      throw Violation{name_of(number) + ", made again, has another outcome"};
    }
    if (!is_passing(again.error().code) && again.error().code != ErrorCode::OutcomeUnknown) {
      throw Violation{name_of(number) + ", made again, fails: " + again.error().message};
    }
  }
  throw Violation{name_of(number) + ", made again, is never answered"};
}

void FaultedStore::wait_for_failures(std::uint64_t count) const {
  wait_until([&] { return failures_ >= count || is_done(); });
}

void FaultedStore::wait_for_connections(std::uint64_t count) const {
  const auto goal = proxy_.attempts() + count;
  wait_until([&] { return proxy_.attempts() >= goal || is_done(); });
}

std::unique_ptr<postgres::Connection> FaultedStore::take_lock() const {
  auto connection = connect_to(OwnServer::uri(server_.port()));
  const std::array calls = {
      postgres::Call{.sql = "BEGIN"},
      postgres::Call{
          .sql = kLock,
          .parameters = postgres::Parameters().int4(postgres::kLockClass).text(schema_)}};
  const auto taken = connection->run(calls, soon());
  if (!taken) throw Violation{"the lock cannot be taken: " + taken.error().message};
  return connection;
}

std::vector<std::unique_ptr<postgres::Connection>> FaultedStore::take_all_connections() const {
  std::vector<std::unique_ptr<postgres::Connection>> taken;
  taken.push_back(connect_to(OwnServer::uri(server_.port())));
  for (;;) {
    auto more = postgres::Connection::open({.uri = OwnServer::uri(server_.port())}, soon());
    if (!more) return taken;
    taken.push_back(*std::move(more));
  }
}

std::uint64_t FaultedStore::end_sessions(postgres::Connection& by) const {
  const auto ended =
      by.run({.sql = kEnd, .parameters = postgres::Parameters().text(session_name_)}, soon());
  if (!ended) throw Violation{"sessions cannot be ended: " + ended.error().message};
  return ended->int8(0, 0);
}

void FaultedStore::check() {
  proxy_.calm();
  proxy_.tcp().refuse(false);
  server_.start();
  // Nothing lasts for as long as the store's patience.
  if (unknown_ > 0) throw Violation{"outcomes stay unknown, though the server came back"};
  for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
    append_some(writer, 1, /*must_succeed=*/true);
  }
  const auto other = opened(OwnServer::uri(server_.port()) + "?schema=" + schema_);
  const MutexLock lock(mutex_);
  ledger_.check(*store_);
  ledger_.check(*other);
}

void FaultedStore::count(Tally& tally) const {
  tally.add("appends that failed for certain", failures_);
  tally.add("appends of unknown outcome", unknown_);
  tally.add("appends made again", again_);
  tally.add("appends acknowledged", acknowledged_);
}

}  // namespace eventstore::test
