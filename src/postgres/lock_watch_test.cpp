#include "postgres/lock_watch.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "core/posix_environment.hpp"
#include "postgres/months_test_support.hpp"
#include "postgres/own_server_test_support.hpp"
#include "support/fake_server.hpp"

// Who holds the lock of a store in the middle of a COPY.
namespace eventstore::postgres {
namespace {

using test::OwnServer;
using test::value_of;

class LockWatchTest : public MonthsTest {
 protected:
  // As a process does that appends much.
  void begin_to_copy() {
    execute("BEGIN; SELECT pg_advisory_xact_lock(" + std::to_string(kLockClass) +
            ", to_regnamespace('{s}')::oid::bigint::int)");
    const auto sql =
        "COPY " + postgres::quoted(schema_) + ".streams (stream_id, name, month) FROM STDIN";
    ASSERT_TRUE(connection().begin_copy(sql, until()));
    send_stream(1'000'000);
  }
  void send_stream(int id) {
    const auto number = std::to_string(id);
    ASSERT_TRUE(connection().put_copy(number + "\tcopied-" + number + "\t203101\n", until()));
  }
  std::unique_ptr<PostgresStore> open_watching(std::chrono::milliseconds silence_max) {
    return value_of(
        PostgresStore::open(value_of(parse_store_url(url_ + "&application_name=" + schema_)),
                            notices_.options(), {.silence_max = silence_max}));
  }
  // When the store looked last who holds the lock; empty: it has not yet.
  std::string last_look() {
    return value_at(value_of(parse_store_url(url_)).uri,
                    "SELECT max(query_start)::text FROM pg_stat_activity WHERE application_name ="
                    " '" +
                        schema_ + "' AND query LIKE '%pg_stat_progress_copy%'");
  }

  Notices notices_;
};

TEST_F(LockWatchTest, EndsASessionThatSendsNothingAnyMore) {
  const auto store = open_watching(std::chrono::milliseconds(300));
  begin_to_copy();
  EXPECT_EQ(value_of(store->append(test::append_to("s"))).last_position, GlobalPosition{1});
  EXPECT_EQ(notices_.count("sent nothing any more"), 1U);
  EXPECT_FALSE(connection().end_copy(until()));
  EXPECT_TRUE(connection().is_lost());
}

TEST_F(LockWatchTest, LeavesASessionAloneThatGoesOn) {
  const auto store = open_watching(std::chrono::seconds(2));
  begin_to_copy();
  auto appended =
      std::async(std::launch::async, [&] { return store->append(test::append_to("s")); });
  const auto deadline = soon();
  std::string last;
  for (int looks = 1; looks <= 3; ++looks) {
    auto next = last_look();
    while (next == last && std::chrono::steady_clock::now() < deadline) next = last_look();
    ASSERT_NE(next, last);
    last = std::move(next);
    send_stream(1'000'000 + looks);
  }
  ASSERT_TRUE(connection().end_copy(until()));
  execute("COMMIT");
  EXPECT_EQ(value_of(appended.get()).last_position, GlobalPosition{1});
  EXPECT_EQ(notices_.count("sent nothing any more"), 0U);
  EXPECT_EQ(query("SELECT count(*)::text FROM {s}.streams WHERE name LIKE 'copied-%'").at(0), "4");
}

TEST(LockWatch, EndsPromptlyWhereTheServerHangs) {
  const test::FakeServer silent;
  constexpr auto kPatience = std::chrono::seconds(60);
  std::stop_source closing;
  StoreSettings settings;
  settings.connection.uri = OwnServer::uri(silent.port());
  settings.patience = kPatience;
  settings.silence_max = std::chrono::milliseconds(1);
  settings.environment = posix_environment();
  settings.stop = closing.get_token();
  std::optional<LockWatch> watch(std::in_place, settings);
  watch->began();
  const auto deadline = soon();
  while (silent.clients() == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  ASSERT_EQ(silent.clients(), 1U);
  const auto before = std::chrono::steady_clock::now();
  closing.request_stop();
  watch.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience / 3);
}

}  // namespace
}  // namespace eventstore::postgres
