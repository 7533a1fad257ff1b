#include "postgres/read_planner.hpp"

#include <future>
#include <thread>

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
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the head is looked at
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
  for (int event = 0; event < 3; ++event) value_of(other_->append(test::append_to("s")));
  value_of(store_->head());
  const auto cursor =
      read_while({.direction = Direction::Backwards, .limit = 2},
                 [&] { value_of(other_->append(test::append_to("s", ExpectedVersion::any(), 4))); });
  EXPECT_EQ(cursor->head(), GlobalPosition{3});
  Positions positions;
  for (;;) {
    const auto events = value_of(cursor->next());
    if (events.empty()) break;
    for (const auto& event : events) positions.push_back(event.position.value);
  }
  EXPECT_EQ(positions, Positions({3, 2}));
}

TEST_F(BetweenStatements, WhatIsAppendedIsNoPartOfABackwardsReadOfAStream) {
  for (int event = 0; event < 3; ++event) value_of(other_->append(test::append_to("s")));
  value_of(store_->head());
  const auto cursor =
      read_while({.selector = SelectStream{"s"}, .direction = Direction::Backwards, .limit = 1},
                 [&] { value_of(other_->append(test::append_to("s", ExpectedVersion::any(), 4))); });
  EXPECT_EQ(cursor->head(), GlobalPosition{3});
  Positions positions;
  for (;;) {
    const auto events = value_of(cursor->next());
    if (events.empty()) break;
    for (const auto& event : events) positions.push_back(event.position.value);
  }
  EXPECT_EQ(positions, Positions({3}));
}

}  // namespace
}  // namespace eventstore::postgres
