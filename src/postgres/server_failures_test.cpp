#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "postgres/own_server_test_support.hpp"
#include "postgres/postgres_store.hpp"
#include "postgres/url.hpp"
#include "support/tcp_proxy.hpp"

// What a server does when its machine fails it, and what a store makes of that.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::OwnServer;
using test::value_of;

// An append of one event that compresses badly, whose id is `number`.
AppendRequest large_append(std::uint64_t number, std::size_t bytes) {
  AppendRequest request;
  auto event = test::event_of("s", "Happened", test::id_of(number));
  event.data = "\"";
  std::uint64_t state = number;
  while (event.data.size() < bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    event.data += static_cast<char>('a' + (state >> 33) % 26);
  }
  event.data += '"';
  request.events.push_back(std::move(event));
  return request;
}

// Waits for the server for 2 s; the store is made with more patience than that.
std::unique_ptr<PostgresStore> open_impatiently(const OwnServer& server, int port) {
  value_of(PostgresStore::open(value_of(parse_store_url(server.uri())), {}));
  const auto url = value_of(parse_store_url(OwnServer::uri(port)));
  return value_in_time(
      [&] { return PostgresStore::open(url, {}, {.patience = std::chrono::seconds(2)}); });
}

// With an id, so that it does not matter how often.
AppendResult append_in_time(EventStore& store, std::uint64_t number) {
  return value_of(
      ask_while({ErrorCode::Unavailable, ErrorCode::DeadlineExceeded, ErrorCode::OutcomeUnknown},
                [&] { return store.append(large_append(number, 100)); }));
}

std::vector<Uuid> ids_of(EventStore& store) {
  std::vector<Uuid> ids;
  for (const auto& event : test::read_stream(store, "s")) ids.push_back(event.id);
  return ids;
}

// Until a process is traced.
void wait_for_tracer(const std::string& process) {
  const auto deadline = soon();
  for (std::string line; !line.starts_with("TracerPid:") || line == "TracerPid:\t0";) {
    std::ifstream status("/proc/" + process + "/status");
    while (std::getline(status, line) && !line.starts_with("TracerPid:")) {
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      throw std::runtime_error("strace does not get hold of process " + process);
    }
  }
}

TEST(ServerFailures, OfAFullDiskFailAppendsAlone) {
  OwnServer server({.small_bytes = std::uint64_t{8} << 20});
  execute_at(server.uri(),
             "CREATE TABLESPACE small LOCATION '" + (server.folder() / "small").string() + "'");
  execute_at(server.uri(), "ALTER ROLE eventstore SET default_tablespace = small");
  Notices notices;
  const auto store = value_of(open(server.uri(), notices.options()));
  execute_at(server.uri(),
             "CREATE TABLE ballast AS SELECT repeat(md5(n::text), 30) FROM generate_series(1, 2000)"
             " n");
  std::vector<Uuid> stored;
  std::uint64_t number = 1;
  for (;; ++number) {
    const auto appended = store->append(large_append(number, 100'000));
    if (!appended) {
      EXPECT_EQ(appended.error().code, ErrorCode::NoSpace) << appended.error().message;
      break;
    }
    stored.push_back(test::id_of(number));
    ASSERT_LT(number, 200U);
  }
  EXPECT_GT(number, 5U);
  EXPECT_EQ(ids_of(*store), stored);
  EXPECT_EQ(code_of(store->append(large_append(number, 100'000))), ErrorCode::NoSpace);
  EXPECT_FALSE(store->health().failure);
  // With room it goes on by itself.
  execute_at(server.uri(), "DROP TABLE ballast; CHECKPOINT");
  for (int more = 0; more < 3; ++more, ++number) {
    EXPECT_FALSE(value_of(store->append(large_append(number, 100'000))).repeated);
    stored.push_back(test::id_of(number));
  }
  EXPECT_EQ(ids_of(*store), stored);
}

// The server panics, recovers, and may or may not have the commit.
TEST(ServerFailures, OfAWalSyncAreResolvedByIds) {
  OwnServer server;
  Notices notices;
  const auto store = value_of(open(server.uri() + "?application_name=striken", notices.options()));
  std::vector<Uuid> stored;
  for (std::uint64_t number = 1; number <= 4; ++number) {
    if (number % 2 == 0) {
      // Of all sessions that could commit the next append, the syncs fail from now on.
      std::vector<std::string> words = {"strace", "-qq",
                                        "-o",     "/dev/null",
                                        "-e",     "trace=fdatasync",
                                        "-e",     "inject=fdatasync:error=EIO"};
      const auto sessions =
          connect_to(server.uri())
              ->run(
                  {.sql =
                       "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'striken'"},
                  soon());
      ASSERT_TRUE(sessions);
      for (int row = 0; row < sessions->size(); ++row) {
        words.emplace_back("-p");
        words.emplace_back(sessions->text(row, 0));
      }
      test::ChildProcess tracer(words);
      wait_for_tracer(words.back());
      const auto appended = store->append(large_append(number, 100));
      ASSERT_TRUE(appended) << appended.error().message;
      EXPECT_FALSE(appended->repeated);
      EXPECT_EQ(value_at(server.uri(),
                         "SELECT count(*)::text FROM pg_stat_activity WHERE pid = " + words.back()),
                "0");
    } else {
      value_of(store->append(large_append(number, 100)));
    }
    stored.push_back(test::id_of(number));
    EXPECT_EQ(ids_of(*store), stored);
  }
}

TEST(ServerFailures, AreWaitedOutByWhoOpensAStore) {
  OwnServer server;
  server.crash();
  std::promise<void> told;
  std::atomic<int> notices = 0;
  OpenOptions options;
  options.on_notice = [&](const Notice& notice) {
    EXPECT_NE(notice.message.find("the server cannot be reached"), std::string::npos);
    if (notices++ == 0) told.set_value();
  };
  register_postgres_engine();
  auto opened = std::async(std::launch::async, [&] { return open(server.uri(), options); });
  told.get_future().wait();
  server.start();
  EXPECT_EQ(value_of(value_of(opened.get())->append(test::append_to("s"))).last_position,
            GlobalPosition{1});
  EXPECT_EQ(notices, 1);

  server.crash();
  EXPECT_EQ(code_of(open(server.uri() + "?patience=1")), ErrorCode::Unavailable);
}

// It has no connection left, and then does not answer at all.
TEST(ServerFailures, AreSaidAsTheServerSaidThem) {
  OwnServer server;
  execute_at(server.uri(), "CREATE ROLE eve LOGIN CONNECTION LIMIT 0");
  std::atomic<bool> is_silent = false;
  test::TcpProxy proxy(server.port(), [&](const test::TcpProxy::Message& message) {
    using Action = test::TcpProxy::Action;
    if (is_silent && !message.from_server) return Action::Hold;
    if (message.from_server && message.type == 'E') is_silent = true;
    return Action::Forward;
  });
  auto uri = OwnServer::uri(proxy.port());
  uri.replace(uri.find("eventstore@"), 10, "eve");
  Notices notices;
  const auto failed = test::error_of(open(uri + "?patience=2", notices.options()));
  EXPECT_EQ(failed.code, ErrorCode::Unavailable) << failed.message;
  EXPECT_NE(failed.message.find("53300"), std::string::npos) << failed.message;
}

// Its answer is lost, and then there is no server for longer than the store is patient.
TEST(ServerFailures, ThatLastLeaveAnAppendInDoubt) {
  OwnServer server;
  std::atomic<const char*> cut_at = nullptr;  // the command whose completion is not told
  test::TcpProxy* answering = nullptr;
  test::TcpProxy proxy(server.port(), [&](const test::TcpProxy::Message& message) {
    using Action = test::TcpProxy::Action;
    const char* const command = cut_at;
    if (command == nullptr || !message.from_server || message.type != 'C' ||
        !message.body.starts_with(command)) {
      return Action::Forward;
    }
    answering->refuse(true);
    return Action::Cut;
  });
  answering = &proxy;
  const auto store = open_impatiently(server, proxy.port());
  std::uint64_t number = 1;
  // What is decided one by one, and what is stored all at once.
  for (const char* const command : {"COMMIT", "SELECT"}) {
    append_in_time(*store, number);
    cut_at = command;
    const auto failed =
        test::error_of(ask_while({ErrorCode::Unavailable, ErrorCode::DeadlineExceeded},
                                 [&] { return store->append(large_append(number + 1, 100)); }));
    EXPECT_EQ(failed.code, ErrorCode::OutcomeUnknown) << failed.message;
    EXPECT_EQ(code_of(store->append(large_append(99, 100))), ErrorCode::Unavailable);
    cut_at = nullptr;
    proxy.refuse(false);
    EXPECT_EQ(append_in_time(*store, number + 1).last_position, GlobalPosition{number + 1});
    EXPECT_EQ(ids_of(*store).size(), number + 1);
    number += 2;
  }
}

// Neither does it answer who asks it to stop what it was asked.
TEST(ServerFailures, ToDoAnythingAtAllAreOverWithTheDeadline) {
  OwnServer server;
  const auto store = open_impatiently(server, server.port());
  append_in_time(*store, 1);
  EXPECT_EQ(value_in_time([&] { return store->head(); }), GlobalPosition{1});
  std::vector<pid_t> processes;
  {
    std::ifstream file(server.folder() / "data" / "postmaster.pid");
    file >> processes.emplace_back();
  }
  const auto sessions = connect_to(server.uri())
                            ->run({.sql = "SELECT pid::text FROM pg_stat_activity WHERE"
                                          " application_name = 'event-store'"},
                                  soon());
  ASSERT_TRUE(sessions);
  for (int row = 0; row < sessions->size(); ++row) {
    processes.push_back(std::stoi(std::string(sessions->text(row, 0))));
  }
  // A session that the store has lost may have ended by now.
  for (const auto process : processes) ASSERT_TRUE(kill(process, SIGSTOP) == 0 || errno == ESRCH);
  auto appended =
      std::async(std::launch::async, [&] { return store->append(test::append_to("s")); });
  auto head = std::async(std::launch::async, [&] { return store->head(); });
  const auto deadline = soon(std::chrono::seconds(15));
  const bool append_ended = appended.wait_until(deadline) == std::future_status::ready;
  const bool read_ended = head.wait_until(deadline) == std::future_status::ready;
  for (const auto process : processes) kill(process, SIGCONT);
  EXPECT_TRUE(append_ended);
  EXPECT_TRUE(read_ended);
  EXPECT_EQ(code_of(appended.get()), ErrorCode::OutcomeUnknown);
  EXPECT_EQ(code_of(head.get()), ErrorCode::DeadlineExceeded);
}

// Not even where those wait for it who look after a store: who notifies, who listens, and who makes
// the tables of months to come.
TEST(ServerFailures, ToDoAnythingAtAllDoNotHoldUpClosing) {
  OwnServer server;
  std::set<std::uint64_t> appending;  // connections
  std::atomic<bool> is_silent = false;
  std::atomic<int> held = 0;  // connections, once it is
  test::TcpProxy proxy(server.port(), [&](const test::TcpProxy::Message& message) {
    using Action = test::TcpProxy::Action;
    if (message.from_server) return Action::Forward;
    if (message.body.contains("pg_advisory_xact_lock")) appending.insert(message.connection);
    if (!is_silent || appending.contains(message.connection)) return Action::Forward;
    ++held;
    return Action::Hold;
  });
  constexpr auto kPatience = std::chrono::seconds(60);
  std::atomic<Timestamp> now = Month{203101}.begin();
  auto store = value_of(
      PostgresStore::open(value_of(parse_store_url(OwnServer::uri(proxy.port()))), {},
                          {.server_time = [&] { return now.load(); }, .patience = kPatience}));
  value_of(store->append(test::append_to("s")));
  EXPECT_EQ(value_of(store->wait_past({0}, soon(), {})), GlobalPosition{1});
  is_silent = true;
  now = Month{203102}.begin();
  // With the second append the store knows of the month.
  for (int append = 0; append < 2; ++append) value_of(store->append(test::append_to("s")));
  const auto deadline = soon();
  while (held < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_EQ(held, 3);
  const auto before = std::chrono::steady_clock::now();
  store.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience / 3);
}

}  // namespace
}  // namespace eventstore::postgres
