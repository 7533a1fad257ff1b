#include "postgres/read_planner.hpp"

#include <future>

#include "core/thread_annotations.hpp"
#include "postgres/own_server_test_support.hpp"
#include "support/tcp_proxy.hpp"

// What is appended between the statements that a read begins with.
namespace eventstore::postgres {
namespace {

using test::OwnServer;
using test::TcpProxy;
using test::value_of;

class BetweenStatements : public testing::Test {
 protected:
  using Positions = std::vector<std::uint64_t>;

  void expect_read(ReadRequest request, const Positions& expected) {
    for (int event = 0; event < 3; ++event) value_of(other_->append(test::append_to("s")));
    value_of(store_->head());
    const auto cursor = read_while(std::move(request), [&] {
      value_of(other_->append(test::append_to("s", ExpectedVersion::any(), 4)));
    });
    EXPECT_EQ(cursor->head(), GlobalPosition{3});
    Positions positions;
    for (;;) {
      const auto events = value_of(cursor->next());
      if (events.empty()) break;
      for (const auto& event : events) positions.push_back(event.position.value);
    }
    EXPECT_EQ(positions, expected);
  }

  // What the read gives where `append` comes between its look at the head and its first page.
  template <typename Append>
  std::unique_ptr<Cursor> read_while(ReadRequest request, const Append& append) {
    std::promise<void> held;
    {
      const MutexLock lock(mutex_);
      held_ = &held;
    }
    auto read =
        std::async(std::launch::async, [&] { return value_of(store_->read(std::move(request))); });
    if (held.get_future().wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      throw std::runtime_error("nothing is held");
    }
    // Until the head is looked at: the server waits for what comes behind it.
    wait_for_value(
        server_.uri(),
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name ="
        " 'event-store' AND state = 'active' AND wait_event = 'ClientRead' AND query LIKE"
        " '%max(month)%'",
        "1");
    append();
    {
      const MutexLock lock(mutex_);
      goes_on_ = true;
    }
    proxy_.reconsider();
    return read.get();
  }

  OwnServer server_;
  Notices notices_;
  Mutex mutex_;
  std::promise<void>* held_ GUARDED_BY(mutex_) = nullptr;
  bool goes_on_ GUARDED_BY(mutex_) = false;
  TcpProxy proxy_{server_.port(), [this](const TcpProxy::Message& message) {
                    using Action = TcpProxy::Action;
                    const MutexLock lock(mutex_);
                    if (message.from_server || message.type != 'P' || goes_on_ ||
                        !message.body.contains("octet_length")) {
                      return Action::Forward;
                    }
                    if (held_ != nullptr) std::exchange(held_, nullptr)->set_value();
                    return Action::Hold;
                  }};
  const std::unique_ptr<EventStore> other_ = value_of(open(server_.uri(), notices_.options()));
  const std::unique_ptr<EventStore> store_ =
      value_of(open(OwnServer::uri(proxy_.port()), notices_.options()));
};

TEST_F(BetweenStatements, WhatIsAppendedIsNoPartOfABackwardsRead) {
  expect_read({.direction = Direction::Backwards, .limit = 2}, {3, 2});
}

TEST_F(BetweenStatements, WhatIsAppendedIsNoPartOfABackwardsReadOfAStream) {
  expect_read({.selector = SelectStream{"s"}, .direction = Direction::Backwards, .limit = 1}, {3});
}

}  // namespace
}  // namespace eventstore::postgres
