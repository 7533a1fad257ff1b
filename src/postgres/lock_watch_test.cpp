#include "postgres/lock_watch.hpp"

#include <array>
#include <chrono>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/posix_environment.hpp"
#include "postgres/months_test_support.hpp"
#include "postgres/own_server_test_support.hpp"
#include "support/fake_server.hpp"

// Who holds the lock of a store in the middle of a COPY. Of other statements: LostAnswer.
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
    const auto sql = "COPY " + postgres::quote_identifier(schema_) +
                     ".streams (stream_id, name, month) FROM STDIN";
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
  EXPECT_EQ(notices_.wait_for("sent nothing any more"), 1U);
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

// The way to a server, which takes so many bytes a second and no more.
class SlowWay {
 public:
  SlowWay(int server_port, std::size_t bytes_per_second)
      : server_port_(server_port), chunk_(bytes_per_second / 100) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 64) != 0) {
      throw std::runtime_error("no listener");
    }
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }
  ~SlowWay() {
    thread_.request_stop();
    thread_.join();
    ways_.clear();
    ::close(listener_);
  }
  int port() const { return port_; }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 50) <= 0) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto address = loopback(server_port_);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        ::close(client);
        ::close(server);
        continue;
      }
      ways_.emplace_back([this, client, server](const std::stop_token& ended) {
        carry(client, server, ended);
        ::close(client);
        ::close(server);
      });
    }
  }
  void carry(int client, int server, const std::stop_token& stop) const {
    std::vector<char> bytes(chunk_);
    auto next = std::chrono::steady_clock::now();
    while (!stop.stop_requested()) {
      const bool may_send = std::chrono::steady_clock::now() >= next;
      std::array<pollfd, 2> ready = {pollfd{.fd = server, .events = POLLIN, .revents = 0},
                                     pollfd{.fd = client, .events = POLLIN, .revents = 0}};
      ::poll(ready.data(), may_send ? 2 : 1, 5);
      if (ready[0].revents != 0) {
        const auto count = ::recv(server, bytes.data(), bytes.size(), 0);
        if (count <= 0 ||
            ::send(client, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count)
          return;
      }
      if (may_send && ready[1].revents != 0) {
        const auto count = ::recv(client, bytes.data(), bytes.size(), 0);
        if (count <= 0 ||
            ::send(server, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count)
          return;
        next = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
      }
    }
  }

  const int server_port_;
  const std::size_t chunk_;
  int listener_ = -1;
  int port_ = 0;
  std::list<std::jthread> ways_;
  std::jthread thread_;
};

// A large event, and a way that takes longer for it than for two looks.
TEST(LockWatchOnASlowWay, LeavesASessionAloneThatIsAtALargeEvent) {
  OwnServer server;
  SlowWay way(server.port(), 1'000'000);
  Notices notices;
  const auto store = value_of(PostgresStore::open(
      value_of(parse_store_url(OwnServer::uri(way.port()))), notices.options(),
      {.patience = std::chrono::seconds(60), .silence_max = std::chrono::seconds(2)}));
  AppendRequest request;
  for (std::uint64_t event = 0; event < 1'000; ++event) {
    request.events.push_back(test::event_of("s", "Happened", test::id_of(event + 1)));
  }
  auto& large = request.events[500];
  large.format = PayloadFormat::Binary;
  large.data = std::string(std::size_t{6} << 20, 'x');
  const auto appended = store->append(std::move(request));
  EXPECT_TRUE(appended) << appended.error().message;
  EXPECT_EQ(notices.count("sent nothing any more"), 0U);
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
