#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <limits>
#include <memory>
#include <thread>
#include <utility>

#include "core/posix_environment.hpp"
#include "core/refusal.hpp"
#include "eventstore/event_store.hpp"
#include "eventstore/postgres_self_test.hpp"
#include "postgres/connection.hpp"
#include "postgres/postgres_store.hpp"
#include "postgres/self_test_disturber.hpp"
#include "postgres/self_test_history.hpp"
#include "postgres/self_test_progress.hpp"
#include "postgres/self_test_writer.hpp"
#include "postgres/url.hpp"

namespace eventstore {
namespace postgres {
namespace {

constexpr unsigned kStoresMax = 64;
constexpr std::chrono::seconds kPatience{60};  // for subscribers to come to the end, and to drop

std::string random_name() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz012345";
  std::array<std::byte, 12> bytes{};
  posix_environment().random->fill(bytes);
  std::string name = "eventstore_selftest_";
  for (const auto byte : bytes) name += kLetters[std::to_integer<std::size_t>(byte) % 32];
  return name;
}

// The schema of a self-test, dropped at the end.
class OwnSchema {
 public:
  explicit OwnSchema(StoreUrl url) : url_(std::move(url)) {}
  ~OwnSchema() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto connection = Connection::open({.uri = url_.uri}, deadline);
    if (!connection) return;
    static_cast<void>(
        (*connection)
            ->run_script("DROP SCHEMA IF EXISTS " + quote_identifier(url_.schema) + " CASCADE",
                         deadline));
  }
  OwnSchema(const OwnSchema&) = delete;
  OwnSchema& operator=(const OwnSchema&) = delete;

 private:
  const StoreUrl url_;
};

// Follows the log as a subscription does, and checks what it sees as it comes.
class Follower {
 public:
  Follower(std::unique_ptr<EventStore> store, std::uint64_t seed)
      : store_(std::move(store)), random_(seed) {}

  // Until it has seen `goal()`, once that is known, or may wait no more.
  void run(const std::atomic<std::uint64_t>& goal, const std::stop_token& stop, Findings& findings,
           SelfTestProgress& progress) {
    while (!stop.stop_requested() && seen_.last().value < goal) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      const auto head = store_->wait_past(seen_.last(), deadline, stop);
      if (!head) {
        if (head.error().is_retryable() || head.error().code == ErrorCode::Cancelled) continue;
        return findings.add("a subscriber cannot wait: " + head.error().message);
      }
      if (const auto read = read_on(findings); !read) {
        if (!read.error().is_retryable()) {
          return findings.add("a subscriber cannot read: " + read.error().message);
        }
        progress.count("reads that failed for a while");
      }
    }
  }

  const SeenLog& seen() const { return seen_; }

 private:
  Result<void> read_on(Findings& findings) {
    ReadRequest request{.from = seen_.last().value + 1, .include_system = true};
    if (random_.chance(1, 2)) request.limit = 1 + random_.below(2000);
    const auto cursor = store_->read(std::move(request));
    if (!cursor) return std::unexpected(cursor.error());
    for (;;) {
      const auto batch = (*cursor)->next();
      if (!batch) return std::unexpected(batch.error());
      if (batch->empty()) return {};
      for (const auto& event : *batch) {
        if (auto wrong = seen_.take(event.position, digest_of(event))) {
          findings.add("a subscriber: " + *wrong);
        }
        if (event.position > (*cursor)->head()) {
          findings.add("a read gives position " + std::to_string(event.position.value) +
                       " beyond its head");
        }
      }
    }
  }

  const std::unique_ptr<EventStore> store_;
  SeededRandom random_;
  SeenLog seen_;
};

class SelfTest {
 public:
  SelfTest(const StoreUrl& url, const PostgresSelfTestOptions& options)
      : options_(options), url_(url), progress_(options.events_max, over_.get_token()) {}

  Result<PostgresSelfTestReport> run() {
    const auto start = std::chrono::steady_clock::now();
    url_.schema = random_name();
    const OwnSchema schema(url_);
    if (auto opened = open_stores(); !opened) return std::unexpected(std::move(opened).error());
    write(start + options_.time_max);
    if (auto checked = check(); !checked) return std::unexpected(std::move(checked).error());
    writing_stores_.clear();
    followers_.clear();
    report_.findings = findings_.take();
    report_.time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    return std::move(report_);
  }

 private:
  StoreUrl own_url() const {
    auto own = url_;
    for (auto* uri : {&own.uri, &own.listen_uri}) {
      if (uri->empty()) continue;
      *uri += (uri->find('?') == std::string::npos ? '?' : '&');
      *uri += "application_name=" + url_.schema;
    }
    own.connections = 2;
    return own;
  }

  Result<void> open_stores() {
    for (unsigned number = 0; number < options_.writers; ++number) {
      auto store = PostgresStore::open(own_url(), {});
      if (!store) return std::unexpected(std::move(store).error());
      writing_stores_.push_back(*std::move(store));
    }
    for (unsigned number = 0; number < options_.subscribers; ++number) {
      auto store = PostgresStore::open(own_url(), {.read_only = true});
      if (!store) return std::unexpected(std::move(store).error());
      followers_.emplace_back(*std::move(store), mix_bits(options_.seed) + 1000 + number);
    }
    return {};
  }

  // Writers, subscribers and what disturbs them, all at once, until the writers have ended; then
  // subscribers come to the end.
  void write(Deadline deadline) {
    std::stop_source given_up;
    std::atomic<std::uint64_t> goal = std::numeric_limits<std::uint64_t>::max();
    std::vector<std::jthread> following;
    following.reserve(followers_.size());
    for (auto& follower : followers_) {
      following.emplace_back(
          [&] { follower.run(goal, given_up.get_token(), findings_, progress_); });
    }
    {
      const std::jthread disturbing([this] { disturb(); });
      const std::jthread watching([&](const std::stop_token& stop) { watch(deadline, stop); });
      std::deque<SelfTestWriter> writers;
      std::vector<std::jthread> writing;
      for (std::uint32_t number = 0; number < writing_stores_.size(); ++number) {
        histories_.emplace_back(findings_);
        auto& writer = writers.emplace_back(
            *writing_stores_[number],
            SelfTestWriter::Settings{
                .number = number, .seed = options_.seed, .in_flight = options_.in_flight},
            shared_, histories_.back(), progress_, findings_);
        writing.emplace_back([&] { writer.run(); });
      }
      for (auto& thread : writing) thread.join();
      over_.request_stop();
    }
    const auto head = writing_stores_.front()->head();
    if (!head) return findings_.add("the head cannot be read at the end: " + head.error().message);
    goal = head->value;
    report_.events = head->value;
    wait_for_followers(following, given_up, *head);
  }

  void wait_for_followers(std::vector<std::jthread>& following, std::stop_source& given_up,
                          GlobalPosition head) {
    Mutex mutex;
    std::condition_variable_any done;
    const std::jthread giving_up([&](const std::stop_token& stop) {
      MutexLock lock(mutex);
      done.wait_for(lock, stop, kPatience, [] { return false; });
      given_up.request_stop();
    });
    for (auto& thread : following) thread.join();
    for (const auto& follower : followers_) {
      if (follower.seen().last() >= head) continue;
      findings_.add("a subscriber saw nothing beyond position " +
                    std::to_string(follower.seen().last().value) + " of " +
                    std::to_string(head.value));
    }
  }

  void disturb() {
    SelfTestDisturber(
        {.uri = url_.uri,
         .other_uri = options_.other_uri,
         .schema = quote_identifier(url_.schema),
         .application_name = url_.schema,
         .seed = mix_bits(options_.seed + 1),
         .events_between = std::clamp<std::uint64_t>(options_.events_max / 100, 50, 2000)},
        progress_)
        .run();
  }

  // Ends the writing when time is up, and says how far it is.
  void watch(Deadline deadline, const std::stop_token& stop) {
    Mutex mutex;
    std::condition_variable_any changed;
    MutexLock lock(mutex);
    while (!stop.stop_requested()) {
      if (std::chrono::steady_clock::now() >= deadline || options_.cancellation.stop_requested()) {
        over_.request_stop();
        return;
      }
      changed.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
      if (options_.on_progress) options_.on_progress(progress_.events());
    }
  }

  // Reads the log once more, as it is now, and holds all against it.
  Result<void> check() {
    auto& store = *writing_stores_.front();
    HistoryCheck check(histories_, findings_);
    const auto cursor = store.read({.include_system = true});
    if (!cursor) return std::unexpected(cursor.error());
    for (;;) {
      const auto batch = (*cursor)->next();
      if (!batch) return std::unexpected(batch.error());
      if (batch->empty()) break;
      for (const auto& event : *batch) check.take(event);
    }
    check.finish();
    for (const auto& follower : followers_) {
      if (auto differs = follower.seen().difference_from(check.seen())) {
        findings_.add("a subscriber, against the log: " + *differs);
      }
    }
    const auto verified = store.verify();
    if (!verified) return std::unexpected(verified.error());
    for (const auto& finding : verified->findings) findings_.add("verify: " + finding.message);
    report_.counts = progress_.counts();
    for (const auto& [name, count] : check.counts()) report_.counts[name] += count;
    report_.counts["events read by subscribers"] = report_.events * followers_.size();
    return {};
  }

  const PostgresSelfTestOptions& options_;
  StoreUrl url_;
  std::stop_source over_;
  SelfTestProgress progress_;
  Findings findings_;
  SharedStreams shared_;
  std::deque<WriterHistory> histories_;
  std::vector<std::unique_ptr<EventStore>> writing_stores_;
  std::deque<Follower> followers_;
  PostgresSelfTestReport report_;
};

}  // namespace
}  // namespace postgres

Result<PostgresSelfTestReport> run_postgres_self_test(std::string_view url,
                                                      const PostgresSelfTestOptions& options) {
  const auto parsed = postgres::parse_store_url(url);
  if (!parsed) return std::unexpected(parsed.error());
  if (options.writers < 1 || options.writers > postgres::kStoresMax ||
      options.subscribers > postgres::kStoresMax || options.in_flight < 1) {
    return invalid_argument("a self-test takes 1 to 64 writers and at most 64 subscribers");
  }
  return postgres::SelfTest(*parsed, options).run();
}

}  // namespace eventstore
