#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "postgres/own_server_test_support.hpp"
#include "support/fake_server.hpp"

// Standbys: reading from one, and going on with one that was promoted.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::OwnServer;
using test::value_of;
using Positions = std::vector<std::uint64_t>;

class Standby : public testing::Test {
 protected:
  std::unique_ptr<EventStore> open_store(const std::string& uri, bool read_only = false) {
    return value_in_time([&] { return open(uri, notices_.options(read_only)); });
  }
  // Of both servers.
  std::string both(const std::string& attributes) const {
    return "postgresql://eventstore@127.0.0.1:" + std::to_string(primary_.port()) +
           ",127.0.0.1:" + std::to_string(standby_.port()) +
           "/postgres?target_session_attrs=" + attributes;
  }
  // The standby has all that the primary has written.
  void catch_up() {
    const auto written = value_at(primary_.uri(), "SELECT pg_current_wal_lsn()::text");
    const auto sql = "SELECT (pg_last_wal_replay_lsn() >= '" + written + "')::text";
    wait_for_value(standby_.uri(), sql, "true");
  }
  void append(EventStore& store, std::size_t count = 1) {
    for (std::size_t n = 0; n < count; ++n) {
      value_in_time([&] { return store.append(test::append_to("s")); });
    }
  }
  static GlobalPosition head_of(EventStore& store) {
    return value_in_time([&] { return store.head(); });
  }
  // The standby takes the primary's place without the last `lost` events of `store`.
  void fail_over_without(EventStore& store, std::size_t lost) {
    catch_up();
    standby_.crash();
    append(store, lost);
    primary_.crash();
    standby_.start();
    standby_.promote();
  }
  static void expect_fenced(EventStore& store) {
    EXPECT_EQ(code_of(store.append(test::append_to("s"))), ErrorCode::Corruption);
    EXPECT_EQ(code_of(store.head()), ErrorCode::Corruption);
    EXPECT_EQ(code_of(test::try_read(store, {})), ErrorCode::Corruption);
    EXPECT_EQ(code_of(store.wait_past({0}, soon(std::chrono::seconds(5)), {})),
              ErrorCode::Corruption);
    const auto failure = store.health().failure;
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, ErrorCode::Corruption);
  }

  Notices notices_;
  OwnServer primary_;
  OwnServer standby_{{.standby_of = &primary_}};
};

TEST_F(Standby, IsReadFromAndNotWrittenTo) {
  const auto writer = open_store(primary_.uri());
  append(*writer, 3);
  catch_up();
  const auto reader = open_store(standby_.uri(), /*read_only=*/true);
  EXPECT_EQ(test::positions_of(test::read_events(*reader)), Positions({1, 2, 3}));
  EXPECT_EQ(code_of(open(standby_.uri())), ErrorCode::ReadOnly);
  EXPECT_EQ(code_of(reader->wait_past({3}, soon(std::chrono::milliseconds(50)), {})),
            ErrorCode::DeadlineExceeded);
  auto waiting = std::async(std::launch::async, [&] { return reader->wait_past({3}, soon(), {}); });
  append(*writer);
  EXPECT_EQ(value_of(waiting.get()), GlobalPosition{4});
  EXPECT_EQ(test::read_stream(*reader, "s").size(), 4U);
}

// With synchronous replication nothing is lost, and the store goes on by itself.
TEST_F(Standby, TakesOverWithAllThatWasAcknowledged) {
  set_up(primary_.uri(), "synchronous_standby_names", standby_.name());
  wait_for_value(primary_.uri(), "SELECT sync_state FROM pg_stat_replication", "sync");
  const auto store = open_store(both("read-write"));
  std::atomic<std::size_t> appended = 0;
  std::atomic<bool> has_taken_over = false;
  std::vector<std::uint64_t> acknowledged;
  std::jthread appending([&] {
    for (std::size_t more = 20; more > 0;) {
      if (has_taken_over) --more;
      const auto result = store->append(test::append_to("s"));
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_FALSE(result->repeated);
      acknowledged.push_back(result->last_position.value);
      ++appended;
    }
  });
  while (appended < 20) std::this_thread::yield();
  primary_.crash();
  standby_.promote();
  has_taken_over = true;
  appending.join();
  EXPECT_EQ(test::positions_of(test::read_stream(*store, "s")), acknowledged);
  EXPECT_EQ(notices_.wait_for("a standby was promoted"), 1U);
  EXPECT_FALSE(store->health().failure);
}

TEST_F(Standby, ThatTakesOverWithoutAcknowledgedEventsEndsTheStore) {
  const auto store = open_store(both("read-write"));
  const auto reader = open_store(both("read-write"), /*read_only=*/true);
  append(*store, 3);
  fail_over_without(*store, 2);
  EXPECT_EQ(value_of(open_store(standby_.uri())->head()), GlobalPosition{3});
  expect_fenced(*store);
  const auto lost = test::details_of<DamageDetails>(*store->health().failure);
  EXPECT_EQ(lost.first_position, GlobalPosition{4});
  EXPECT_EQ(lost.last_position, GlobalPosition{5});
  EXPECT_EQ(notices_.wait_for("has lost events"), 1U);
  // Who had seen none of them goes on; and so does who opens the store again, knowing.
  EXPECT_EQ(value_of(reader->head()), GlobalPosition{3});
  EXPECT_EQ(value_of(open_store(standby_.uri())->append(test::append_to("s"))).last_position,
            GlobalPosition{4});
}

// The head alone does not tell.
TEST_F(Standby, ThatHasOtherEventsInTheirPlaceEndsTheStore) {
  const auto store = open_store(both("read-write"));
  append(*store, 3);
  fail_over_without(*store, 1);
  append(*open_store(standby_.uri()), 3);
  expect_fenced(*store);
  const auto lost = test::details_of<DamageDetails>(*store->health().failure);
  EXPECT_EQ(lost.first_position, GlobalPosition{4});
}

TEST_F(Standby, ThatIsBehindIsNotReadUntilItHasCaughtUp) {
  const auto writer = open_store(primary_.uri());
  append(*writer, 3);
  const auto reader = open_store(both("any") + "&patience=1", /*read_only=*/true);
  EXPECT_EQ(head_of(*reader), GlobalPosition{3});
  catch_up();
  standby_.crash();
  append(*writer, 2);
  EXPECT_EQ(head_of(*reader), GlobalPosition{5});
  primary_.crash();
  standby_.start();
  // Never what it has by then.
  const auto failed =
      test::error_of(ask_while({ErrorCode::DeadlineExceeded}, [&] { return reader->head(); }));
  EXPECT_EQ(failed.code, ErrorCode::Unavailable) << failed.message;
  EXPECT_FALSE(reader->health().failure);
  primary_.start();
  catch_up();
  primary_.crash();
  EXPECT_EQ(head_of(*reader), GlobalPosition{5});
}

// As where it starts again, and shows what it had before the store was made.
TEST_F(Standby, ThatHasNoTablesYetIsNotReadUntilItHasThem) {
  execute_at(primary_.uri(), "CREATE TABLE before ()");
  catch_up();
  set_up(standby_.uri(), "recovery_min_apply_delay", "1h");
  const auto writer = open_store(primary_.uri());
  append(*writer, 3);
  const auto reader = open_store(both("any") + "&patience=1", /*read_only=*/true);
  EXPECT_EQ(head_of(*reader), GlobalPosition{3});
  primary_.crash();
  const auto failed =
      test::error_of(ask_while({ErrorCode::DeadlineExceeded}, [&] { return reader->head(); }));
  EXPECT_EQ(failed.code, ErrorCode::Unavailable) << failed.message;
  EXPECT_FALSE(reader->health().failure);
}

// What a single address leads to may be another server by then.
TEST_F(Standby, IsWaitedForUntilItTakesWrites) {
  const auto store = open_store(both("any"));
  append(*store, 3);
  catch_up();
  primary_.crash();
  auto appended =
      std::async(std::launch::async, [&] { return store->append(test::append_to("s")); });
  EXPECT_EQ(value_of(store->head()), GlobalPosition{3});
  standby_.promote();
  EXPECT_EQ(value_of(appended.get()).last_position, GlobalPosition{4});
}

// As where its machine is gone, or the way to it: nothing refuses a connection.
TEST_F(Standby, IsReachedThoughThePrimaryIsSilent) {
  const test::FakeServer silent;
  const auto silent_port = std::to_string(silent.port());
  for (const std::string& ports : {silent_port + "," + std::to_string(primary_.port()),
                                   silent_port + "," + std::to_string(standby_.port()) + "," +
                                       std::to_string(primary_.port())}) {
    std::string hosts = "127.0.0.1";
    for (auto left = std::ranges::count(ports, ','); left > 0; --left) hosts += ",127.0.0.1";
    const auto store = open_store("postgresql:///postgres?user=eventstore&host=" + hosts +
                                  "&port=" + ports + "&target_session_attrs=read-write&patience=3");
    append(*store);
  }
}

// The one that was the primary may go on for a while, and sessions with it as well.
TEST_F(Standby, ThatTookOverIsPreferredToThePrimaryBefore) {
  const auto uri = "postgresql://eventstore@127.0.0.1:" + std::to_string(standby_.port()) +
                   ",127.0.0.1:" + std::to_string(primary_.port()) +
                   "/postgres?target_session_attrs=read-write";
  const auto store = open_store(uri);
  append(*store);
  EXPECT_EQ(value_of(store->head()), GlobalPosition{1});
  catch_up();
  standby_.promote();
  // The session that has read stays, and that which appends goes.
  const auto ended = value_at(
      primary_.uri(),
      "SELECT count(pg_terminate_backend(pid, 10000))::text FROM pg_stat_activity WHERE"
      " application_name = 'event-store' AND query NOT LIKE '%has_bounds%' AND query NOT LIKE"
      " '%EXISTS (SELECT FROM%bounds)%'");
  EXPECT_NE(ended, "0");
  EXPECT_NE(value_at(primary_.uri(),
                     "SELECT count(*)::text FROM pg_stat_activity WHERE application_name ="
                     " 'event-store'"),
            "0");
  EXPECT_EQ(value_of(store->append(test::append_to("s"))).last_position, GlobalPosition{2});
  EXPECT_EQ(value_of(store->head()), GlobalPosition{2});
  EXPECT_FALSE(store->health().failure);
}

// It may have a commit before its primary shows it, which waits for another standby.
TEST_F(Standby, MayBeAheadOfWhatItsPrimaryShows) {
  const auto writer = open_store(primary_.uri());
  append(*writer);
  set_up(primary_.uri(), "synchronous_standby_names", "FIRST 2 (" + standby_.name() + ", absent)");
  auto appended =
      std::async(std::launch::async, [&] { return writer->append(test::append_to("s")); });
  wait_for_value(standby_.uri(), "SELECT max(position)::text FROM eventstore.events", "2");
  const auto ahead =
      open_store("postgresql://eventstore@127.0.0.1:" + std::to_string(standby_.port()) +
                     ",127.0.0.1:" + std::to_string(primary_.port()) + "/postgres?patience=2",
                 /*read_only=*/true);
  EXPECT_EQ(head_of(*ahead), GlobalPosition{2});
  standby_.crash();
  EXPECT_FALSE(ahead->head());
  EXPECT_FALSE(ahead->health().failure);
  set_up(primary_.uri(), "synchronous_standby_names", "");
  EXPECT_EQ(value_of(appended.get()).last_position, GlobalPosition{2});
  EXPECT_EQ(head_of(*ahead), GlobalPosition{2});
}

// The server is gone while a commit waits for its synchronous standby, and there again without the
// standby: what was committed is on this server alone.
TEST_F(Standby, HasWhatWasFoundByItsIdsBeforeItIsAcknowledged) {
  const auto writer = open_store(primary_.uri() + "?patience=10");
  append(*writer);
  set_up(primary_.uri(), "synchronous_standby_names", standby_.name());
  append(*writer);
  catch_up();
  standby_.crash();
  auto appended =
      std::async(std::launch::async, [&] { return writer->append(test::append_to("s")); });
  wait_for_value(primary_.uri(),
                 "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND"
                 " application_name = 'event-store'",
                 "1");
  primary_.crash();
  primary_.start();
  const auto failed = test::error_of(appended.get());
  EXPECT_EQ(failed.code, ErrorCode::OutcomeUnknown) << failed.message;
}

// Where the servers are changed behind a pooler, no connection is new.
class AnotherServerBehindAPooler : public testing::Test {
 protected:
  // As if it were a copy from before the event at that position, which is the last one.
  void lose(std::uint64_t position) {
    const auto at = std::to_string(position);
    execute_at(server_.uri(), "DELETE FROM eventstore.event_ids WHERE position = " + at +
                                  ";DELETE FROM eventstore.events WHERE position = " + at);
  }
  // Five events of stream s, of which the last is lost, and its position is that of stream t's.
  void take_another_for_the_last() {
    for (int event = 0; event < 5; ++event) value_of(store_->append(test::append_to("s")));
    lose(5);
    EXPECT_EQ(value_of(other_->append(test::append_to("t"))).last_position, GlobalPosition{5});
  }
  void expect_no_fifth_of_s() {
    EXPECT_EQ(code_of(store_->append(test::append_to("s", ExpectedVersion::exactly({5})))),
              ErrorCode::WrongExpectedVersion);
    EXPECT_TRUE(value_of(other_->verify()).findings.empty());
    EXPECT_EQ(test::read_stream(*other_, "s").size(), 4U);
  }

  Notices notices_;
  OwnServer server_;
  const test::OwnPooler pooler_{server_};  // Debian: pgbouncer
  const std::unique_ptr<EventStore> store_ =
      value_of(open("postgresql://eventstore@127.0.0.1:" + std::to_string(pooler_.port()) +
                        "/postgres?pooler=transaction",
                    notices_.options()));
  const std::unique_ptr<EventStore> other_ = value_of(open(server_.uri(), notices_.options()));
};

TEST_F(AnotherServerBehindAPooler, ThatLostEventsEndsTheStore) {
  for (int event = 0; event < 3; ++event) value_of(store_->append(test::append_to("s")));
  lose(3);
  static_cast<void>(store_->append(test::append_to("t", ExpectedVersion::any(), 5)));
  const auto failure = store_->health().failure;
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, ErrorCode::Corruption);
  const auto lost = test::details_of<DamageDetails>(*failure);
  EXPECT_EQ(lost.first_position, GlobalPosition{3});
  EXPECT_EQ(lost.last_position, GlobalPosition{3});
}

// The head is at the same position as the one that is remembered, and is another event.
TEST_F(AnotherServerBehindAPooler, IsNotTakenForTheOneThatIsRemembered) {
  take_another_for_the_last();
  expect_no_fifth_of_s();
}

// Not by what is learned of it by a look, either, which does not ask for the event's id.
TEST_F(AnotherServerBehindAPooler, IsNotTakenForTheOneThatIsRememberedAfterALook) {
  take_another_for_the_last();
  auto looked_for = test::append_to("u");
  looked_for.condition = AppendCondition{.query = Query::of({{.types = {"Never"}}}), .after = {0}};
  value_of(store_->append(looked_for));
  expect_no_fifth_of_s();
}

TEST(AnotherServer, WithACopyOfTheStoreEndsIt) {
  Notices notices;
  OwnServer first;
  OwnServer second;
  const auto store =
      value_of(open("postgresql://eventstore@127.0.0.1:" + std::to_string(first.port()) +
                        ",127.0.0.1:" + std::to_string(second.port()) + "/postgres",
                    notices.options()));
  value_of(store->append(test::append_to("s")));
  static_cast<void>(value_of(open(second.uri(), notices.options())));
  first.crash();
  const auto failed = test::error_of(store->append(test::append_to("s")));
  EXPECT_EQ(failed.code, ErrorCode::Corruption);
  EXPECT_NE(failed.message.find("system identifier"), std::string::npos) << failed.message;
}

}  // namespace
}  // namespace eventstore::postgres
