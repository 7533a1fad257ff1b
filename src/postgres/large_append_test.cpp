#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "postgres/group_copier.hpp"
#include "support/own_server.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"
#include "support/tcp_proxy.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::postgres {
namespace {

using test::append_to;
using test::code_of;
using test::value_of;

constexpr std::size_t kLarge = kCopiedEventsMin + 500;

// Appends that are stored by COPY.
class LargeAppend : public testing::Test {
 protected:
  ~LargeAppend() override {
    store_.reset();
    test::remove_postgres_store(url_);
  }

  // Events of many streams that differ in all that an event has.
  static std::vector<NewEvent> all_kinds() {
    std::vector<NewEvent> events;
    for (std::size_t index = 0; index < kLarge; ++index) {
      auto event = test::tagged_event_of("s-" + std::to_string(index % 700),
                                         "T" + std::to_string(index % 5), {});
      if (index % 2 == 0) event.tags = {"even", "n:" + std::to_string(index), "even"};
      if (index % 3 == 0) {
        event.format = PayloadFormat::Binary;
        event.data = std::string("\0\n\\.\xff", 5) + std::string(index % 400, 'x');
      } else {
        event.metadata = R"({"n":)" + std::to_string(index) + "}";
      }
      if (index % 5 == 0) {
        event.occurred_at = Timestamp{} + std::chrono::hours(index) - std::chrono::years(20);
      }
      event.schema_version = static_cast<std::uint32_t>(index % 4 + 1);
      event.id = test::id_of(static_cast<std::uint32_t>(index + 1));
      events.push_back(std::move(event));
    }
    return events;
  }

  // Nothing but the number of events has changed: `store_` goes on as it should.
  void expect_whole(std::size_t events) {
    value_of(store_->append(append_to("after")));
    const auto read = test::read_events(*store_);
    ASSERT_EQ(read.size(), events + 1);
    for (std::size_t index = 0; index < read.size(); ++index) {
      ASSERT_EQ(read[index].position.value, index + 1);
    }
    EXPECT_TRUE(value_of(store_->verify()).findings.empty());
  }

  test::TemporaryDirectory folder_;
  const std::string url_ = test::postgres_store_url(folder_.path().string());
  std::unique_ptr<EventStore> store_ = value_of(open(url_));
};

TEST_F(LargeAppend, StoresEveryPartOfEveryEvent) {
  const auto given = all_kinds();
  const auto appended = value_of(store_->append({.events = given}));
  EXPECT_EQ(appended.last_position.value, kLarge);
  EXPECT_EQ(appended.streams.size(), 700U);
  const auto read = test::read_events(*store_);
  ASSERT_EQ(read.size(), given.size());
  for (std::size_t index = 0; index < read.size(); ++index) {
    SCOPED_TRACE(index);
    const auto& event = read[index];
    EXPECT_EQ(event.stream, given[index].stream);
    EXPECT_EQ(event.version.value, index / 700 + 1);
    EXPECT_EQ(event.type, given[index].type);
    EXPECT_EQ(event.id, given[index].id);
    EXPECT_EQ(event.tags, given[index].tags);
    EXPECT_EQ(event.format, given[index].format);
    EXPECT_EQ(event.metadata, given[index].metadata);
    EXPECT_EQ(event.data, given[index].data);
    EXPECT_EQ(event.occurred_at, given[index].occurred_at);
    EXPECT_EQ(event.schema_version, given[index].schema_version);
  }
  const auto query = Query::of({{.tags = {"even", "n:1200"}}});
  EXPECT_EQ(test::positions_of(test::read_events(*store_, {.selector = query})),
            std::vector<std::uint64_t>{1201});
  expect_whole(kLarge);
}

TEST_F(LargeAppend, IsARepetitionTheSecondTime) {
  const auto first = value_of(store_->append({.events = all_kinds()}));
  for (int time = 0; time < 2; ++time) {
    const auto again = value_of(store_->append({.events = all_kinds()}));
    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.first_position, first.first_position);
    EXPECT_EQ(again.streams, first.streams);
  }
  expect_whole(kLarge);
}

// Whether the store decides by what it remembers or looks.
TEST_F(LargeAppend, IsRefusedWhereOneOfItsIdsIsThere) {
  auto one = test::event_of("s-3", "T", test::id_of(4));
  value_of(store_->append({.events = {one}}));
  EXPECT_EQ(code_of(store_->append({.events = all_kinds()})), ErrorCode::EventIdConflict);
  for (int append = 0; append < 4; ++append) {
    value_of(store_->append(append_to("s-3")));
  }
  auto of_one_stream = append_to("s-3", ExpectedVersion::any(), kLarge);
  of_one_stream.events.back() = one;
  EXPECT_EQ(code_of(store_->append(of_one_stream)), ErrorCode::EventIdConflict);
  expect_whole(5);
}

TEST_F(LargeAppend, IsARepetitionWhateverItExpects) {
  AppendRequest request{.events = all_kinds(),
                        .checks = {{.stream = "s-3", .expected = ExpectedVersion::no_stream()}}};
  const auto first = value_of(store_->append(request));
  for (int append = 0; append < 4; ++append) {
    std::vector<NewEvent> others;
    for (std::size_t index = 0; index < 700; ++index) {
      others.push_back(test::event_of("s-" + std::to_string(index)));
    }
    value_of(store_->append({.events = others}));
  }
  const auto again = value_of(store_->append(request));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.first_position, first.first_position);
  expect_whole(kLarge + 4 * 700);
}

TEST_F(LargeAppend, IsStoredBesideOthersThatAreRefused) {
  for (int append = 0; append < 4; ++append) value_of(store_->append(append_to("a")));
  EXPECT_EQ(code_of(store_->append(append_to("a", ExpectedVersion::exactly({3}), kLarge))),
            ErrorCode::WrongExpectedVersion);
  value_of(store_->append(append_to("a", ExpectedVersion::exactly({4}), kLarge)));
  value_of(store_->append(append_to("a", ExpectedVersion::exactly({4 + kLarge}), kLarge)));
  expect_whole(4 + 2 * kLarge);
}

TEST_F(LargeAppend, NoticesWhatAnotherProcessAppended) {
  for (int append = 0; append < 4; ++append) value_of(store_->append(append_to("a")));
  const auto other = value_of(open(url_));
  value_of(other->append(append_to("a")));
  EXPECT_EQ(code_of(store_->append(append_to("a", ExpectedVersion::exactly({4}), kLarge))),
            ErrorCode::WrongExpectedVersion);
  value_of(store_->append(append_to("a", ExpectedVersion::exactly({5}), kLarge)));
  expect_whole(5 + kLarge);
}

// From so many events on, whatever the store knows of their streams.
TEST(LargeAppends, AreSentByCopy) {
  const test::OwnServer server;
  std::atomic<int> copies = 0;
  test::TcpProxy proxy(server.port(), [&](const test::TcpProxy::Message& message) {
    if (!message.from_server && message.type == 'c') ++copies;  // CopyDone
    return test::TcpProxy::Action::Forward;
  });
  register_postgres_engine();
  const auto store = value_of(open(test::OwnServer::uri(proxy.port())));
  constexpr int kTables = 2;  // events and event_ids
  for (int round = 1; round <= 3; ++round) {
    value_of(store->append(append_to("a", ExpectedVersion::any(), kCopiedEventsMin - 1)));
    EXPECT_EQ(copies, 2 * kTables * (round - 1));
    value_of(store->append(append_to("a", ExpectedVersion::any(), kCopiedEventsMin)));
    value_of(store->append(
        append_to("b-" + std::to_string(round), ExpectedVersion::no_stream(), kCopiedEventsMin)));
    EXPECT_EQ(copies, 2 * kTables * round);
  }
}

}  // namespace
}  // namespace eventstore::postgres
