#include "postgres/appender.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/posix_environment.hpp"
#include "eventstore/open.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/state_lookup.hpp"
#include "postgres/url.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::postgres {
namespace {

using std::chrono_literals::operator""s;
using test::append_to;
using test::value_of;

Deadline soon() {
  return std::chrono::steady_clock::now() + 30s;
}

template <typename T>
T must(Answer<T> answer) {
  if (!answer) throw std::runtime_error(answer.error().message);
  return *std::move(answer);
}

// A store with stream a, and an appender that has appended to it alone, up to version 4: it decides
// with what it remembers. `rival` is another session, which can hold the store's lock.
class AppenderTest : public testing::Test {
 protected:
  AppenderTest() {
    settings_.lock_key = static_cast<std::uint32_t>(
        must(rival_->run({.sql = "SELECT to_regnamespace($1::text)::oid::bigint",
                          .parameters = Parameters().text(settings_.schema)},
                         soon()))
            .int8(0, 0));
    must(months_.load(*rival_, settings_.schema, soon()));
    for (int append = 0; append < 4; ++append) value_of(commit(append_to("a")));
  }
  ~AppenderTest() override {
    store_.reset();
    test::remove_postgres_store(url_);
  }

  using Group = std::vector<std::unique_ptr<Appender::Pending>>;

  static Group group_of(std::vector<AppendRequest> requests) {
    Group group;
    for (auto& request : requests) {
      group.emplace_back(
          new Appender::Pending{.append = PreparedAppend(std::move(request), posix_environment())});
    }
    return group;
  }
  bool begin(const Group& group) { return appender_.begin(members_of(group)); }
  static std::vector<Appender::Pending*> members_of(const Group& group) {
    std::vector<Appender::Pending*> members;
    for (const auto& pending : group) members.push_back(pending.get());
    return members;
  }
  Result<AppendResult> commit(AppendRequest request) {
    auto group = group_of({std::move(request)});
    appender_.commit(members_of(group));
    return group.front()->result;
  }

  // While the rival holds the store's lock, so that nothing that `begun` sends is done before
  // `meanwhile`.
  void while_locked(const std::function<void()>& begun, const std::string& meanwhile) {
    must(rival_->run({.sql = "BEGIN"}, soon()));
    must(rival_->run(lock_call(settings_, statements_), soon()));
    begun();
    if (!meanwhile.empty()) {
      const auto sql = fill_in(meanwhile, settings_.schema);
      must(rival_->run({.sql = sql, .prepared = false}, soon()));
    }
    must(rival_->run({.sql = "COMMIT"}, soon()));
  }

  // Another process appends so many events to stream a.
  static std::string events_of_a(int count) {
    return "INSERT INTO {s}.events ({columns}) SELECT position + n, recorded_at, stream_id,"
           " version + n, gen_random_uuid(), format, schema_version, occurred_at, true, stream,"
           " type, tags, metadata, data FROM generate_series(1, " +
           std::to_string(count) +
           ") n, (SELECT * FROM {s}.events ORDER BY position DESC LIMIT 1) e";
  }

  std::vector<std::uint64_t> versions_of_a() {
    return test::versions_of(test::read_stream(*store_, "a"));
  }
  void expect_dense(std::size_t events) {
    const auto positions = test::positions_of(test::read_events(*store_));
    ASSERT_EQ(positions.size(), events);
    for (std::size_t index = 0; index < events; ++index) EXPECT_EQ(positions[index], index + 1);
  }

  test::TemporaryDirectory folder_;
  const std::string url_ = test::postgres_store_url(folder_.path().string());
  std::unique_ptr<EventStore> store_ = value_of(open(url_));
  StoreSettings settings_{.connection = {.uri = parse_store_url(url_)->uri},
                          .listening = {},
                          .schema = postgres::quoted(parse_store_url(url_)->schema),
                          .channel_name = {},
                          .channel = {},
                          .environment = posix_environment()};
  Statements statements_{settings_.schema};
  std::unique_ptr<Connection> rival_ = must(Connection::open(settings_.connection, soon()));
  KnownMonths months_;
  Appender appender_{settings_, months_, [](GlobalPosition) {}};
};

TEST_F(AppenderTest, StoresTwoGroupsUnderWayInTheirOrder) {
  const auto first = group_of({append_to("a", ExpectedVersion::exactly({4}), 2),
                               append_to("a", ExpectedVersion::exactly({4}))});
  const auto second = group_of({append_to("a", ExpectedVersion::exactly({6}))});
  ASSERT_TRUE(begin(first));
  ASSERT_TRUE(begin(second));
  EXPECT_FALSE(begin(group_of({append_to("a")})));  // two are enough
  appender_.finish();
  EXPECT_EQ(value_of(first[0]->result).last_position, GlobalPosition{6});
  EXPECT_EQ(test::code_of(first[1]->result), ErrorCode::WrongExpectedVersion);
  appender_.finish();
  EXPECT_EQ(value_of(second[0]->result).last_position, GlobalPosition{7});
  expect_dense(7);
}

// The head is where the second group expects it to be, but not by the first.
TEST_F(AppenderTest, StoresNoGroupBehindOneThatIsNotStored) {
  const auto first = group_of({append_to("a", ExpectedVersion::exactly({4}))});
  const auto second = group_of({append_to("new", ExpectedVersion::no_stream()), append_to("a")});
  while_locked(
      [&] {
        ASSERT_TRUE(begin(first));
        ASSERT_TRUE(begin(second));
      },
      "INSERT INTO {s}.events ({columns}) SELECT position + 1, recorded_at, 1000, 1,"
      " gen_random_uuid(), format, schema_version, occurred_at, true, 'rival', type, tags, "
      "metadata,"
      " data FROM {s}.events ORDER BY position DESC LIMIT 1");
  appender_.finish();
  EXPECT_EQ(value_of(first[0]->result).last_position, GlobalPosition{6});
  appender_.finish();
  EXPECT_EQ(value_of(second[0]->result).last_position, GlobalPosition{7});
  EXPECT_EQ(value_of(second[1]->result).last_position, GlobalPosition{8});
  EXPECT_EQ(versions_of_a(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  expect_dense(8);
}

TEST_F(AppenderTest, DecidesAnewWhatAnotherProcessForestalled) {
  const auto first = group_of({append_to("a", ExpectedVersion::exactly({4})), append_to("a")});
  const auto second = group_of({append_to("a", ExpectedVersion::exactly({6})), append_to("a")});
  while_locked(
      [&] {
        ASSERT_TRUE(begin(first));
        ASSERT_TRUE(begin(second));
      },
      events_of_a(2));
  appender_.finish();
  appender_.finish();
  EXPECT_EQ(test::code_of(first[0]->result), ErrorCode::WrongExpectedVersion);
  EXPECT_EQ(value_of(first[1]->result).last_position, GlobalPosition{7});
  EXPECT_EQ(test::code_of(second[0]->result), ErrorCode::WrongExpectedVersion);
  EXPECT_EQ(value_of(second[1]->result).last_position, GlobalPosition{8});
  EXPECT_EQ(versions_of_a(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  expect_dense(8);
}

// Nobody knows what became of the two: each is there once, and none is taken for a repetition.
TEST_F(AppenderTest, ResolvesTwoGroupsWhoseSessionEnds) {
  const auto first = group_of({append_to("a", ExpectedVersion::exactly({4}))});
  const auto second = group_of({{.events = {test::event_of("a", "T", test::id_of(1))}}});
  while_locked(
      [&] {
        ASSERT_TRUE(begin(first));
        ASSERT_TRUE(begin(second));
      },
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
      " AND objid = to_regnamespace('{s}')::oid");
  appender_.finish();
  appender_.finish();
  EXPECT_EQ(value_of(first[0]->result).last_position, GlobalPosition{5});
  EXPECT_EQ(value_of(second[0]->result).last_position, GlobalPosition{6});
  EXPECT_FALSE(first[0]->result->repeated);
  EXPECT_FALSE(second[0]->result->repeated);
  EXPECT_EQ(versions_of_a(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  expect_dense(6);
}

// The second group's answer comes while the first one's was lost: what was stored is known.
TEST_F(AppenderTest, KnowsARepetitionAmongGroupsUnderWay) {
  const AppendRequest request{.events = {test::event_of("a", "T", test::id_of(1))}};
  const auto first = group_of({request});
  const auto second = group_of({request, append_to("a")});
  ASSERT_TRUE(begin(first));
  ASSERT_TRUE(begin(second));
  appender_.finish();
  appender_.finish();
  EXPECT_FALSE(value_of(first[0]->result).repeated);
  EXPECT_TRUE(value_of(second[0]->result).repeated);
  EXPECT_EQ(value_of(second[1]->result).last_position, GlobalPosition{6});
  expect_dense(6);
}

TEST_F(AppenderTest, HasNothingUnderWayBehindAChainThatMayEnd) {
  const auto chain = std::make_shared<AppendChain>();
  auto refused = append_to("a", ExpectedVersion::exactly({1}));
  refused.context.chain = chain;
  auto behind = append_to("a");
  behind.context.chain = chain;
  const auto first = group_of({append_to("a"), refused});
  const auto second = group_of({behind});
  ASSERT_TRUE(begin(first));
  EXPECT_FALSE(begin(second));
  appender_.finish();
  appender_.commit(members_of(second));
  EXPECT_EQ(test::code_of(second[0]->result), ErrorCode::Cancelled);
  expect_dense(5);
}

}  // namespace
}  // namespace eventstore::postgres
