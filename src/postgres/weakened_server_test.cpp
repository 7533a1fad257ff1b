#include <atomic>
#include <cctype>
#include <chrono>
#include <future>
#include <string>
#include <utility>

#include "postgres/own_server_test_support.hpp"

// Servers that may lose what they acknowledge, and databases that cannot hold a store.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::error_of;
using test::value_of;

class WeakenedServer : public testing::Test {
 protected:
  std::unique_ptr<EventStore> open_store(const std::string& parameters = "",
                                         bool read_only = false) {
    return value_of(open(server_.uri() + parameters, notices_.options(read_only)));
  }
  // Makes a store whose transactions leave behind what they commit with.
  void watch_commits() {
    static_cast<void>(open_store());
    execute_at(
        server_.uri(),
        "CREATE TABLE public.commits (setting text, n serial, isolation text DEFAULT"
        " current_setting('transaction_isolation'));"
        "CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO"
        " public.commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END"
        " $$; CREATE TRIGGER watch AFTER INSERT ON eventstore.event_ids FOR EACH ROW"
        " EXECUTE FUNCTION public.watch()");
  }
  // How the last append was committed.
  std::string last_commit() {
    return value_at(server_.uri(), "SELECT setting FROM public.commits ORDER BY n DESC LIMIT 1");
  }
  Error refusal(const std::string& uri, bool read_only = false) {
    return error_of(open(uri, notices_.options(read_only)));
  }

  Notices notices_;
  test::OwnServer server_;
};

TEST_F(WeakenedServer, IsRefusedForWritingAndRead) {
  const auto store = open_store();
  value_of(store->append(test::append_to("s")));
  for (const std::string setting : {"fsync", "full_page_writes"}) {
    set_up(server_.uri(), setting, "off");
    const auto refused = refusal(server_.uri());
    EXPECT_EQ(refused.code, ErrorCode::Unsupported);
    EXPECT_NE(refused.message.find(setting + " = off"), std::string::npos) << refused.message;
    EXPECT_EQ(test::read_events(*open_store("", /*read_only=*/true)).size(), 1U);
    // A store that was open before notices when it connects again.
    end_sessions(server_.uri());
    EXPECT_EQ(code_of(store->append(test::append_to("s"))), ErrorCode::Unsupported);
    EXPECT_EQ(test::read_events(*store).size(), 1U);
    set_up(server_.uri(), setting, "on");
  }
  EXPECT_EQ(value_of(store->append(test::append_to("s"))).last_position, GlobalPosition{2});
}

TEST_F(WeakenedServer, CommitsToTheDiskWhateverItsSettingIs) {
  watch_commits();
  const auto before = open_store();
  value_of(before->append(test::append_to("s")));
  EXPECT_EQ(notices_.count("synchronous_commit"), 0U);
  set_up(server_.uri(), "synchronous_commit", "off");
  value_of(before->append(test::append_to("s")));
  EXPECT_EQ(last_commit(), "on");
  EXPECT_EQ(notices_.count("synchronous_commit"), 0U);

  const auto after = open_store();
  EXPECT_EQ(notices_.count("synchronous_commit = off"), 1U);
  for (int round = 0; round < 2; ++round) {
    value_of(after->append(test::append_to("s")));
    EXPECT_EQ(last_commit(), "on");
    end_sessions(server_.uri());
  }
  EXPECT_EQ(notices_.count("synchronous_commit = off"), 1U);

  // Behind a pooler no session can be told.
  const auto refused = refusal(server_.uri() + "?pooler=transaction");
  EXPECT_EQ(refused.code, ErrorCode::Unsupported);
  EXPECT_NE(refused.message.find("ALTER ROLE"), std::string::npos) << refused.message;
}

TEST_F(WeakenedServer, CommitsToTheDiskWhateverTheUrlSays) {
  watch_commits();
  for (const auto& [asked, used] :
       {std::pair("off", "on"), {"local", "local"}, {"remote_apply", "remote_apply"}}) {
    const auto store = open_store("?options=-c%20synchronous_commit%3D" + std::string(asked));
    value_of(store->append(test::append_to("s")));
    EXPECT_EQ(last_commit(), used);
  }
}

// A transaction that kept to what it saw before it had the lock would fail each time that it had to
// wait for it.
TEST_F(WeakenedServer, IsolatesTransactionsAsItShouldWhateverItsSettingIs) {
  watch_commits();
  for (const std::string isolation : {"repeatable read", "serializable"}) {
    execute_at(server_.uri(),
               "ALTER ROLE eventstore SET default_transaction_isolation = '" + isolation + "'");
    const auto store = open_store();
    value_of(store->append(test::append_to("s")));
    EXPECT_EQ(
        value_at(server_.uri(), "SELECT isolation FROM public.commits ORDER BY n DESC LIMIT 1"),
        "read committed");
    const auto refused = refusal(server_.uri() + "?pooler=transaction");
    EXPECT_EQ(refused.code, ErrorCode::Unsupported);
    EXPECT_NE(refused.message.find(isolation), std::string::npos) << refused.message;
  }
}

// As an administrator does whose standby is gone: the commit is answered, and on this server alone.
TEST_F(WeakenedServer, ThatNoLongerWaitsForAStandbyIsTold) {
  const auto store = open_store();
  set_up(server_.uri(), "synchronous_standby_names", "absent");
  constexpr const char* kTold = "may be on no standby";
  for (int round = 0; round < 2; ++round) {
    std::atomic<bool> is_cancelled = false;
    // The setting may take a moment to come to be.
    auto appended = std::async(std::launch::async, [&] {
      while (!is_cancelled) value_of(store->append(test::append_to("s")));
    });
    wait_for_value(server_.uri(),
                   "SELECT coalesce(bool_or(pg_cancel_backend(pid)), false)::text FROM"
                   " pg_stat_activity WHERE wait_event = 'SyncRep'",
                   "true");
    is_cancelled = true;
    // What it may have sent once more by then.
    while (appended.wait_for(std::chrono::milliseconds(10)) == std::future_status::timeout) {
      static_cast<void>(value_at(server_.uri(),
                                 "SELECT count(pg_cancel_backend(pid))::text FROM pg_stat_activity"
                                 " WHERE wait_event = 'SyncRep'"));
    }
    appended.get();
    EXPECT_EQ(notices_.count(kTold), 1U);
  }
}

TEST_F(WeakenedServer, HasNoStoreInADatabaseOfAnotherEncoding) {
  for (const std::string encoding : {"SQL_ASCII", "LATIN1"}) {
    execute_at(server_.uri(),
               "CREATE DATABASE d" + encoding + " TEMPLATE template0 ENCODING '" + encoding + "'");
    auto uri = server_.uri();
    std::string name = "d" + encoding;
    for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    uri.replace(uri.rfind('/') + 1, std::string::npos, name);
    for (const bool read_only : {false, true}) {
      const auto refused = refusal(uri, read_only);
      EXPECT_EQ(refused.code, ErrorCode::Unsupported);
      EXPECT_NE(refused.message.find(encoding), std::string::npos) << refused.message;
    }
    EXPECT_EQ(value_at(uri, "SELECT count(*)::text FROM pg_namespace WHERE nspname = 'eventstore'"),
              "0");
  }
}

TEST_F(WeakenedServer, TakesNothingWhereTransactionsAreReadOnly) {
  static_cast<void>(open_store());
  const auto refused = refusal(server_.uri() + "?options=-c%20default_transaction_read_only%3Don");
  EXPECT_EQ(refused.code, ErrorCode::ReadOnly);
  EXPECT_NE(refused.message.find("default_transaction_read_only"), std::string::npos);
}

}  // namespace
}  // namespace eventstore::postgres
