#include "postgres/appender.hpp"

#include <csignal>
#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/thread_annotations.hpp"
#include "postgres/own_server_test_support.hpp"
#include "postgres/url.hpp"
#include "support/tcp_proxy.hpp"

// What becomes of appends whose answer is lost.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::OwnServer;
using test::TcpProxy;
using test::value_of;
using Action = TcpProxy::Action;

constexpr const char* kNewIds = "INSERT INTO \"eventstore\".event_ids";

class LostAnswer : public testing::Test {
 protected:
  void TearDown() override {
    const MutexLock lock(mutex_);
    EXPECT_TRUE(steps_.empty()) << "never came: " << steps_.front().type << ' '
                                << steps_.front().text;
  }
  // Something that is done once, at the next message that is so.
  struct Step {
    bool from_server = false;
    char type = 0;
    std::string text = {};  // somewhere in it
    Action action = Action::Cut;
  };

  // What comes to be done, one after another.
  void plan(std::deque<Step> steps) {
    const MutexLock lock(mutex_);
    steps_ = std::move(steps);
  }
  // Waits until a message is held.
  void wait_until_held() {
    MutexLock lock(mutex_);
    ASSERT_TRUE(changed_.wait_until(lock, soon(), [&]() REQUIRES(mutex_) { return is_held_; }));
  }
  void go_on() {
    {
      const MutexLock lock(mutex_);
      is_held_ = false;
      steps_.pop_front();
    }
    proxy_.reconsider();
  }

  // From now on the server refuses what this store commits, with that SQLSTATE.
  void refuse_commits(const std::string& sqlstate) {
    execute_at(server_.uri(),
               "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
               " IF current_setting('application_name') <> 'other' THEN RAISE EXCEPTION 'refused'"
               " USING ERRCODE = '" +
                   sqlstate +
                   "'; END IF; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER refuse AFTER INSERT"
                   " ON eventstore.event_ids DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE"
                   " FUNCTION public.refuse()");
  }
  void refuse_connections() { proxy_.refuse(true); }
  // What the next append needs to be stored all at once, on a session of its own.
  void get_to_know_the_store() {
    for (int append = 0; append < 2; ++append) value_of(store_->append(test::append_to("s")));
    end_appending_session();
  }
  void end_appending_session() {
    const auto connection = connection_that_appends();
    value_at(server_.uri(),
             "SELECT pg_terminate_backend(" + process_that_appends() + ", 10000)::text");
    // The way to the server has to know it as well, or takes something for it yet.
    const auto deadline = soon();
    while (proxy_.is_connected(connection)) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
  }
  // Of the server, in decimal digits: where the store has appended last, or has begun to.
  std::string process_that_appends() {
    const MutexLock lock(mutex_);
    return std::to_string(processes_.at(appends_));
  }

  OwnServer server_;
  Notices notices_;

 private:
  std::uint64_t connection_that_appends() {
    const MutexLock lock(mutex_);
    return appends_;
  }
  void note_sessions(const TcpProxy::Message& message) REQUIRES(mutex_) {
    if (message.from_server && message.type == 'K') {
      auto& process = processes_[message.connection];
      for (const auto byte : message.body.substr(0, 4)) {
        process = process * 256 + static_cast<unsigned char>(byte);
      }
    }
    if (message.type == 'P' && message.body.contains(kNewIds)) appends_ = message.connection;
  }
  Action decide(const TcpProxy::Message& message) {
    const MutexLock lock(mutex_);
    note_sessions(message);
    if (steps_.empty()) return Action::Forward;
    const auto& step = steps_.front();
    if (message.from_server != step.from_server || message.type != step.type ||
        !message.body.contains(step.text)) {
      return Action::Forward;
    }
    const auto action = step.action;
    if (action == Action::Hold) {
      is_held_ = true;
      changed_.notify_all();
    } else {
      steps_.pop_front();
    }
    return action;
  }

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Step> steps_ GUARDED_BY(mutex_);
  bool is_held_ GUARDED_BY(mutex_) = false;
  std::map<std::uint64_t, int> processes_ GUARDED_BY(mutex_);  // of connections
  std::uint64_t appends_ GUARDED_BY(mutex_) = 0;               // the connection
  TcpProxy proxy_{server_.port(), [this](const auto& message) { return decide(message); }};

 protected:
  const std::unique_ptr<EventStore> store_ =
      value_of(open(OwnServer::uri(proxy_.port()) + "?patience=15", notices_.options()));
};

// Of one event whose id is `number`. With a condition the store decides by itself, and asks for the
// commit with the lock in hand; without, the server decides and stores all at once.
AppendRequest request_of(std::uint64_t number, bool conditional) {
  AppendRequest request{.events = {test::event_of("s", "Happened", test::id_of(number))}};
  if (conditional) {
    request.condition = AppendCondition{.query = Query::of({{.types = {"Never"}}}), .after = {0}};
  }
  return request;
}

constexpr const char* kCommit = "COMMIT";
const std::string kCommitStatement("\0COMMIT", 7);      // and not ... READ COMMITTED
constexpr const char* kLock = "pg_advisory_xact_lock";  // before anything else
constexpr const char* kAllAtOnce = "WITH head AS";

std::string bytes_of(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

// The one of the server that the store appends with. It waits for the lock, which is held
// meanwhile.
int process_that_waits(const std::string& uri, EventStore& store) {
  const std::string waiting = " FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  const auto holder = connect_to(uri);
  const auto lock = "BEGIN; SELECT pg_advisory_xact_lock(" + std::to_string(kLockClass) +
                    ", to_regnamespace('eventstore')::oid::bigint::int)";
  if (!holder->run_script(lock, soon())) throw std::runtime_error("no lock");
  auto appended =
      std::async(std::launch::async, [&] { return store.append(test::append_to("other")); });
  wait_for_value(uri, "SELECT count(*)::text" + waiting, "1");
  const auto process = std::stoi(value_at(uri, "SELECT pid::text" + waiting));
  if (!holder->run_script("ROLLBACK", soon())) throw std::runtime_error("no rollback");
  value_of(appended.get());
  return process;
}

TEST_F(LostAnswer, OfACommitThatWasNotDoneLeavesNoDoubt) {
  refuse_commits("53100");
  plan({{.type = 'P', .text = kCommitStatement}});
  const auto failed = test::error_of(store_->append(request_of(1, /*conditional=*/true)));
  EXPECT_EQ(failed.code, ErrorCode::NoSpace) << failed.message;
  EXPECT_NE(failed.message.find("nothing was written"), std::string::npos) << failed.message;
}

// The session is over, so that it cannot store anything any more.
TEST_F(LostAnswer, OfAnAppendAtOnceThatWasNotDoneLeavesNoDoubt) {
  get_to_know_the_store();
  refuse_commits("53100");
  plan({{.type = 'P', .text = kAllAtOnce}, {.action = Action::Hold}});
  auto appended = std::async(std::launch::async,
                             [&] { return store_->append(request_of(1, /*conditional=*/false)); });
  wait_until_held();
  wait_for_value(
      server_.uri(),
      "SELECT count(*)::text FROM pg_stat_activity WHERE pid = " + process_that_appends(), "0");
  go_on();
  const auto failed = test::error_of(appended.get());
  EXPECT_EQ(failed.code, ErrorCode::NoSpace) << failed.message;
}

// As long as its session is there, what it was sent may yet come to it.
TEST_F(LostAnswer, OfAnAppendAtOnceWhoseSessionIsLeftIsInDoubt) {
  get_to_know_the_store();
  const int process = process_that_waits(server_.uri(), *store_);
  refuse_commits("53100");
  ASSERT_EQ(kill(process, SIGSTOP), 0);  // so that it cannot be ended
  plan({{.type = 'B', .text = bytes_of(test::id_of(1)), .action = Action::Forward},
        {.type = 'S', .action = Action::ForwardAndStrand}});
  const auto failed = test::error_of(store_->append(request_of(1, /*conditional=*/false)));
  ASSERT_EQ(kill(process, SIGCONT), 0);
  EXPECT_EQ(failed.code, ErrorCode::OutcomeUnknown) << failed.message;
}

// Ended, it leaves no doubt: by the attempt that ends it.
TEST_F(LostAnswer, OfAnAppendAtOnceWhoseSessionIsEndedIsKnown) {
  get_to_know_the_store();
  refuse_commits("53100");
  plan({{.type = 'P', .text = kLock, .action = Action::ForwardAndStrand}});
  const auto failed = test::error_of(store_->append(request_of(1, /*conditional=*/false)));
  EXPECT_EQ(failed.code, ErrorCode::NoSpace) << failed.message;
  EXPECT_TRUE(failed.message.contains("nothing was written")) << failed.message;
}

// It was not done, nor was it the next time; and then somebody else did.
TEST_F(LostAnswer, IsNotTakenForWhatSomebodyElseStored) {
  const auto other = value_of(open(server_.uri() + "?application_name=other", notices_.options()));
  get_to_know_the_store();
  refuse_commits("40001");
  std::uint64_t number = 2;
  for (const auto& lost : {kCommitStatement, std::string(kAllAtOnce)}) {
    const auto request = request_of(number, lost == kCommitStatement);
    end_appending_session();
    plan({{.type = 'P', .text = lost}, {.from_server = true, .type = 'E', .action = Action::Hold}});
    auto appended = std::async(std::launch::async, [&] { return store_->append(request); });
    wait_until_held();
    EXPECT_FALSE(value_of(other->append(request)).repeated);
    go_on();
    EXPECT_TRUE(value_of(appended.get()).repeated) << lost;
    EXPECT_EQ(test::read_stream(*other, "s").size(), ++number);
  }
}

TEST_F(LostAnswer, OfACommitThatWasDoneIsToldToWhoWaits) {
  const auto listener = connect_to(server_.uri());
  const auto sql = "LISTEN " + postgres::quote_identifier("eventstore:eventstore");
  ASSERT_TRUE(listener->run({.sql = sql}, soon()));
  plan({{.from_server = true, .type = 'C', .text = kCommit}});
  EXPECT_FALSE(value_of(store_->append(request_of(1, /*conditional=*/true))).repeated);
  const auto told = listener->wait_for_notification(soon(), -1);
  ASSERT_TRUE(told && *told);
  EXPECT_EQ(**told, "1");
}

// It was not done, and somebody else did the same before this store could look.
TEST_F(LostAnswer, OfACommitIsNotTakenForWhatSomebodyElseStoredMeanwhile) {
  const auto other = value_of(open(server_.uri() + "?application_name=other", notices_.options()));
  get_to_know_the_store();
  const auto request = request_of(1, /*conditional=*/true);
  plan({{.type = 'P', .text = kNewIds}, {.action = Action::Hold}});
  auto appended = std::async(std::launch::async, [&] { return store_->append(request); });
  wait_until_held();
  EXPECT_FALSE(value_of(other->append(request)).repeated);
  go_on();
  EXPECT_TRUE(value_of(appended.get()).repeated);
}

// What stores all at once has not come to the lock when the store looks, which refuses it; by the
// time that it does, what it expects may have come true.
TEST_F(LostAnswer, OfAnAppendAtOnceThatMayYetBeStoredIsNoRefusal) {
  const auto other = value_of(open(server_.uri() + "?application_name=other", notices_.options()));
  get_to_know_the_store();
  const int process = process_that_waits(server_.uri(), *store_);
  auto request = test::append_to("s", ExpectedVersion::exactly({3}));
  request.events.front().id = test::id_of(7);
  ASSERT_EQ(kill(process, SIGSTOP), 0);
  plan({{.type = 'B', .text = bytes_of(test::id_of(7)), .action = Action::Forward},
        {.type = 'S', .action = Action::ForwardAndStrand}});
  const auto failed = test::error_of(store_->append(request));
  value_of(other->append(test::append_to("s")));
  ASSERT_EQ(kill(process, SIGCONT), 0);
  EXPECT_EQ(failed.code, ErrorCode::OutcomeUnknown) << failed.message;
}

// Whoever has lost a session ends it, and then it is certain.
TEST_F(LostAnswer, OfAnAppendAtOnceWhoseSessionCanBeEndedLeavesNoDoubt) {
  const auto other = value_of(open(server_.uri() + "?application_name=other", notices_.options()));
  get_to_know_the_store();
  auto request = test::append_to("s", ExpectedVersion::exactly({3}));
  request.events.front().id = test::id_of(7);
  // Only the beginning of it arrives, so that it has not come to the lock.
  plan({{.type = 'P', .text = kLock, .action = Action::ForwardAndStrand}});
  EXPECT_EQ(code_of(store_->append(request)), ErrorCode::WrongExpectedVersion);
  EXPECT_EQ(test::read_stream(*other, "s").size(), 2U);
}

// A request that only checks stores nothing.
TEST_F(LostAnswer, OfWhatOnlyChecksLeavesNoDoubt) {
  get_to_know_the_store();
  AppendRequest request;
  request.checks.push_back({.stream = "s", .expected = ExpectedVersion::exactly({2})});
  plan({{.type = 'P', .text = kAllAtOnce, .action = Action::Hold},
        {.type = 'P', .text = kAllAtOnce}});
  auto appended = std::async(std::launch::async, [&] { return store_->append(request); });
  wait_until_held();
  refuse_connections();
  go_on();
  const auto failed = test::error_of(appended.get());
  EXPECT_EQ(failed.code, ErrorCode::Unavailable) << failed.message;
}

// A process is stopped, or its way is, between the lock and what is stored with it: not in a COPY.
TEST_F(LostAnswer, OfAnAppendAtOnceThatIsHalfSentDoesNotHoldTheLockForEver) {
  const auto other =
      value_of(open(server_.uri() + "?application_name=other&patience=6", notices_.options()));
  get_to_know_the_store();
  plan({{.type = 'P', .text = kAllAtOnce, .action = Action::Hold}});
  auto appended = std::async(std::launch::async,
                             [&] { return store_->append(request_of(1, /*conditional=*/false)); });
  wait_until_held();
  wait_for_value(server_.uri(),
                 "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND granted AND"
                 " objsubid = 2",
                 "1");
  const auto stored =
      ask_while({ErrorCode::Unavailable, ErrorCode::DeadlineExceeded, ErrorCode::OutcomeUnknown},
                [&] { return other->append(test::append_to("s")); });
  EXPECT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(notices_.wait_for("held the lock of the store"), 1U);
  go_on();
  static_cast<void>(appended.get());  // it may have lost patience
}

// A pooler in session mode has numbers of its own for sessions as well.
TEST(LostAnswerBehindAPooler, OfAnAppendAtOnceWhoseSessionIsLeftIsInDoubt) {
  OwnServer server;
  const test::OwnPooler pooler(server, "session");
  Notices notices;
  std::atomic<bool> strands = false;
  TcpProxy proxy(pooler.port(), [&](const TcpProxy::Message& message) {
    if (!message.from_server && message.type == 'S' && strands.exchange(false)) {
      return Action::ForwardAndStrand;
    }
    return Action::Forward;
  });
  const auto store =
      value_of(open(OwnServer::uri(proxy.port()) + "?patience=5", notices.options()));
  for (int append = 0; append < 2; ++append) value_of(store->append(test::append_to("s")));
  const int process = process_that_waits(server.uri(), *store);
  execute_at(server.uri(),
             "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
             " RAISE EXCEPTION 'refused' USING ERRCODE = '53100'; END $$;"
             "CREATE TRIGGER refuse AFTER INSERT ON eventstore.event_ids FOR EACH ROW EXECUTE"
             " FUNCTION public.refuse()");
  ASSERT_EQ(kill(process, SIGSTOP), 0);
  auto request = test::append_to("s");
  request.events.front().id = test::id_of(7);
  strands = true;
  const auto failed = store->append(request);
  ASSERT_EQ(kill(process, SIGCONT), 0);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::OutcomeUnknown) << failed.error().message;
}

}  // namespace
}  // namespace eventstore::postgres
