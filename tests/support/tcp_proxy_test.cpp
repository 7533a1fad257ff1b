#include "support/tcp_proxy.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "postgres/connection.hpp"
#include "support/postgres_server.hpp"

namespace eventstore::test {
namespace {

using Action = TcpProxy::Action;
using postgres::Connection;
using postgres::Failure;

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

std::string url_through(const TcpProxy& proxy) {
  return "postgresql://eventstore@127.0.0.1:" + std::to_string(proxy.port()) + "/postgres";
}

std::unique_ptr<Connection> connect(const TcpProxy& proxy) {
  auto opened = Connection::open({.uri = url_through(proxy)}, soon());
  if (!opened) throw std::runtime_error(opened.error().message);
  return *std::move(opened);
}

TEST(TcpProxy, ForwardsWhatIsSaidBothWays) {
  const TcpProxy proxy(postgres_server().port, {});
  const auto connection = connect(proxy);
  const std::string large(3'000'000, 'x');
  const auto rows = connection->run(
      {.sql = "SELECT $1::text || 'y'", .parameters = postgres::Parameters().text(large)}, soon());
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->text(0, 0), large + 'y');
}

TEST(TcpProxy, CutsBeforeAMessage) {
  const TcpProxy proxy(postgres_server().port, [](const TcpProxy::Message& message) {
    return !message.from_server && message.type == 'S' ? Action::Cut : Action::Forward;
  });
  const auto connection = connect(proxy);
  const auto rows = connection->run({.sql = "SELECT 1"}, soon());
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, Failure::Kind::ConnectionLost);
}

TEST(TcpProxy, CutsRightBehindAMessageThatTheServerGets) {
  const TcpProxy direct(postgres_server().port, {});
  const auto watching = connect(direct);
  const auto table = "proxy_test_" + std::to_string(direct.port());
  ASSERT_TRUE(watching->run_script("CREATE TABLE " + table + " (n int)", soon()));
  const TcpProxy proxy(postgres_server().port, [](const TcpProxy::Message& message) {
    return !message.from_server && message.type == 'S' ? Action::ForwardAndCut : Action::Forward;
  });
  const auto connection = connect(proxy);
  EXPECT_FALSE(connection->run({.sql = "INSERT INTO " + table + " VALUES (1)"}, soon()));
  const auto deadline = soon();
  std::uint64_t count = 0;
  while (count == 0 && std::chrono::steady_clock::now() < deadline) {
    const auto rows = watching->run({.sql = "SELECT count(*) FROM " + table}, soon());
    ASSERT_TRUE(rows);
    count = rows->int8(0, 0);
  }
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(watching->run_script("DROP TABLE " + table, soon()));
}

TEST(TcpProxy, HoldsAMessageUntilItIsAskedAgain) {
  std::atomic<bool> held = true;
  std::promise<void> asked;
  std::atomic<bool> was_asked = false;
  TcpProxy proxy(postgres_server().port, [&](const TcpProxy::Message& message) {
    if (message.from_server || message.type != 'S' || !held) return Action::Forward;
    if (!was_asked.exchange(true)) asked.set_value();
    return Action::Hold;
  });
  const auto connection = connect(proxy);
  auto answer =
      std::async(std::launch::async, [&] { return connection->run({.sql = "SELECT 7"}, soon()); });
  asked.get_future().wait();
  held = false;
  proxy.reconsider();
  const auto rows = answer.get();
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->int4(0, 0), 7);
}

TEST(TcpProxy, RefusesConnections) {
  TcpProxy proxy(postgres_server().port, {});
  proxy.refuse(true);
  EXPECT_FALSE(Connection::open({.uri = url_through(proxy)}, soon()));
  proxy.refuse(false);
  EXPECT_TRUE(Connection::open({.uri = url_through(proxy)}, soon()));
}

TEST(TcpProxy, CutsAllConnections) {
  TcpProxy proxy(postgres_server().port, {});
  const auto connection = connect(proxy);
  EXPECT_TRUE(proxy.is_connected(1));
  proxy.cut_all();
  EXPECT_FALSE(connection->run({.sql = "SELECT pg_sleep(20)"}, soon()));
  const auto deadline = soon();
  while (proxy.is_connected(1) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(proxy.is_connected(1));
}

}  // namespace
}  // namespace eventstore::test
