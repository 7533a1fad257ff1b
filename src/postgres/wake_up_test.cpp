#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "postgres/connection.hpp"
#include "postgres/postgres_store.hpp"
#include "postgres/url.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::postgres {
namespace {

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

class WakeUpTest : public testing::Test {
 protected:
  WakeUpTest() { test::value_of(store_->append(test::append_to("s"))); }
  void TearDown() override {
    store_.reset();
    test::remove_postgres_store(url_);
  }
  std::unique_ptr<Connection> connect() const {
    auto made = Connection::open({.uri = parse_store_url(url_)->uri}, in(std::chrono::seconds(30)));
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }
  std::string channel() const { return "eventstore:" + parse_store_url(url_)->schema; }

  test::TemporaryDirectory folder_;
  const std::string url_ = test::postgres_store_url(folder_.path().string());
  std::unique_ptr<EventStore> store_ = test::value_of(open(url_));
};

TEST_F(WakeUpTest, BelievesNoNotificationThatTheStoreDoesNotBearOut) {
  auto waiting = std::async(std::launch::async, [&] {
    return store_->wait_past({1}, in(std::chrono::milliseconds(500)), {});
  });
  const auto other = connect();
  const auto until = in(std::chrono::milliseconds(400));
  while (std::chrono::steady_clock::now() < until) {
    for (const char* text : {"999999", "-1", "", "head"}) {
      ASSERT_TRUE(other->run({.sql = "SELECT pg_notify($1::text, $2::text)",
                              .parameters = Parameters().text(channel()).text(text)},
                             in(std::chrono::seconds(30))));
    }
  }
  EXPECT_EQ(test::code_of(waiting.get()), ErrorCode::DeadlineExceeded);
}

// A session that listens, in a transaction, holds up the queue of the whole server.
TEST_F(WakeUpTest, SaysThatNotificationsPileUp) {
  const auto other = connect();
  for (const auto& script :
       {"LISTEN " + postgres::quote_identifier(channel()), std::string("BEGIN")}) {
    ASSERT_TRUE(other->run_script(script, in(std::chrono::seconds(30))));
  }
  const auto pile_up = "SELECT pg_notify('" + channel() + "', repeat('x', 7000) || n)" +
                       " FROM generate_series(1, 10) n";
  ASSERT_TRUE(connect()->run_script(pile_up, in(std::chrono::seconds(30))));
  std::promise<std::string> told;
  OpenOptions options;
  options.on_notice = [&](const Notice& notice) {
    if (notice.message.find("notifications") != std::string::npos) told.set_value(notice.message);
  };
  const auto store = test::value_of(PostgresStore::open(
      test::value_of(parse_store_url(url_)), options, {.notification_queue_percent_most = 0}));
  test::value_of(store->append(test::append_to("s")));
  EXPECT_NE(told.get_future().get().find("is full to 0 %"), std::string::npos);
  ASSERT_TRUE(other->run_script("COMMIT", in(std::chrono::seconds(30))));
}

TEST_F(WakeUpTest, TellsOthersWhatWasCommittedBeforeTheStoreIsClosed) {
  const auto other = connect();
  const auto sql = "LISTEN " + postgres::quote_identifier(channel());
  ASSERT_TRUE(other->run({.sql = sql}, in(std::chrono::seconds(30))));
  test::value_of(store_->append(test::append_to("s", ExpectedVersion::any(), 4)));
  store_.reset();
  std::string told;
  while (told != "5") {
    const auto next = other->wait_for_notification(in(std::chrono::seconds(30)), -1);
    ASSERT_TRUE(next && *next) << "the last that was told: " << told;
    told = **next;
  }
}

}  // namespace
}  // namespace eventstore::postgres
