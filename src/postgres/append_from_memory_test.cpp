#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "postgres/connection.hpp"
#include "postgres/url.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::postgres {
namespace {

using std::chrono_literals::operator""s;
using test::append_to;
using test::code_of;
using test::event_of;
using test::value_of;

// A store that has appended alone to stream a, four times, and so decides by what it remembers; and
// another one of the same schema, as another process would have it.
class AppendFromMemory : public testing::Test {
 protected:
  AppendFromMemory() {
    for (int append = 0; append < 4; ++append) value_of(store_->append(append_to("a")));
  }
  ~AppendFromMemory() override {
    store_.reset();
    other_.reset();
    test::remove_postgres_store(url_);
  }

  // The last statement of each session that names the schema, the one that is asking left out.
  std::vector<std::string> last_statements() {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    const auto connection = *Connection::open({.uri = parse_store_url(url_)->uri}, deadline);
    const auto rows = connection->run(
        {.sql = "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND strpos(query, $1::text) > 0 AND query NOT LIKE '%NOTIFY%'",
         .parameters =
             Parameters().text(postgres::quote_identifier(parse_store_url(url_)->schema))},
        deadline);
    if (!rows) throw std::runtime_error(rows.error().message);
    std::vector<std::string> found;
    for (int row = 0; row < rows->size(); ++row) found.emplace_back(rows->text(row, 0));
    return found;
  }

  // What was appended is what can be read, each stream and all of it without a gap.
  void expect_whole(std::uint64_t events) {
    const auto read = test::read_events(*store_);
    ASSERT_EQ(read.size(), events);
    for (std::uint64_t index = 0; index < events; ++index) {
      EXPECT_EQ(read[index].position, GlobalPosition{index + 1});
    }
    EXPECT_TRUE(value_of(store_->verify()).findings.empty());
  }

  test::TemporaryDirectory folder_;
  const std::string url_ = test::postgres_store_url(folder_.path().string());
  std::unique_ptr<EventStore> store_ = value_of(open(url_));
  std::unique_ptr<EventStore> other_ = value_of(open(url_));
};

TEST_F(AppendFromMemory, LooksAtNothing) {
  value_of(store_->append(append_to("a", ExpectedVersion::exactly({4}))));
  const auto statements = last_statements();
  EXPECT_EQ(std::ranges::count_if(statements,
                                  [](const auto& text) {
                                    return text.starts_with("INSERT INTO") &&
                                           text.contains("event_ids");
                                  }),
            1)
      << testing::PrintToString(statements);
  expect_whole(5);
}

TEST_F(AppendFromMemory, AnswersConflictsBesideWhatIsStored) {
  std::vector<std::future<Result<AppendResult>>> answers;
  const auto send = [&](AppendRequest request) {
    auto promise = std::make_shared<std::promise<Result<AppendResult>>>();
    answers.push_back(promise->get_future());
    store_->append_async(std::move(request), [promise](Result<AppendResult> result) {
      promise->set_value(std::move(result));
    });
  };
  for (int round = 0; round < 50; ++round) {
    send(append_to("a"));
    send(append_to("a", ExpectedVersion::exactly({1})));
    send(append_to("new-" + std::to_string(round), ExpectedVersion::no_stream(), 2));
    send(append_to("a", ExpectedVersion::no_stream()));
  }
  for (std::size_t index = 0; index < answers.size(); ++index) {
    const auto answer = answers[index].get();
    EXPECT_EQ(answer.has_value(), index % 2 == 0) << index;
    if (!answer) {
      EXPECT_EQ(answer.error().code, ErrorCode::WrongExpectedVersion);
    }
  }
  expect_whole(4 + 50 * 3);
}

TEST_F(AppendFromMemory, NoticesWhatAnotherProcessAppended) {
  value_of(other_->append(append_to("a")));
  EXPECT_EQ(code_of(store_->append(append_to("a", ExpectedVersion::exactly({4})))),
            ErrorCode::WrongExpectedVersion);
  const auto appended = value_of(store_->append(append_to("a", ExpectedVersion::exactly({5}))));
  EXPECT_EQ(appended.first_position, GlobalPosition{6});
  expect_whole(6);
}

TEST_F(AppendFromMemory, NoticesAStreamThatAnotherProcessBegan) {
  value_of(other_->append(append_to("b")));
  EXPECT_EQ(code_of(store_->append(append_to("b", ExpectedVersion::no_stream()))),
            ErrorCode::WrongExpectedVersion);
  expect_whole(5);
}

// Not one of this process's last ones, and nothing is appended to it.
TEST_F(AppendFromMemory, ChecksStreamsThatItDoesNotRemember) {
  value_of(other_->append(append_to("b")));
  for (int append = 0; append < 8; ++append) value_of(store_->append(append_to("a")));
  auto request = append_to("a");
  request.checks = {{.stream = "b", .expected = ExpectedVersion::no_stream()}};
  EXPECT_EQ(code_of(store_->append(request)), ErrorCode::WrongExpectedVersion);
  request.checks.push_back({.stream = "a", .expected = ExpectedVersion::exactly({1})});
  request.events.push_back(event_of("b", "T"));
  const auto refused = store_->append(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(std::get<VersionConflict>(refused.error().details).stream, "b");
  expect_whole(13);
}

TEST_F(AppendFromMemory, NoticesWhatAnotherProcessDeleted) {
  value_of(other_->tombstone_stream("a", ExpectedVersion::any()));
  EXPECT_EQ(code_of(store_->append(append_to("a"))), ErrorCode::StreamDeleted);
}

// The position behind the one that is remembered is free again, and given nobody.
TEST_F(AppendFromMemory, NoticesWhatAnotherProcessAppendedAndScavenged) {
  value_of(other_->append(append_to("gone")));
  value_of(other_->tombstone_stream("gone", ExpectedVersion::any()));
  const auto head = value_of(other_->append(append_to("b"))).last_position;
  value_of(other_->scavenge({}));
  ASSERT_TRUE(test::read_events(*other_, {.from = 5, .to = 5}).empty());
  const auto appended = value_of(store_->append(append_to("a")));
  EXPECT_EQ(appended.first_position, GlobalPosition{head.value + 1});
}

TEST_F(AppendFromMemory, KnowsARepetition) {
  const AppendRequest request{.events = {event_of("a", "T", test::id_of(1))}};
  const auto first = value_of(store_->append(request));
  EXPECT_FALSE(first.repeated);
  const auto again = value_of(store_->append(request));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.first_position, first.first_position);
  expect_whole(5);
}

// Beside another append, which is stored.
TEST_F(AppendFromMemory, KnowsARepetitionThatExpectsAnotherVersion) {
  const AppendRequest request{
      .events = {event_of("a", "T", test::id_of(1))},
      .checks = {{.stream = "a", .expected = ExpectedVersion::exactly({4})}}};
  const auto first = value_of(store_->append(request));
  std::promise<Result<AppendResult>> again;
  store_->append_async(append_to("a"), [](const Result<AppendResult>&) {});
  store_->append_async(request,
                       [&](Result<AppendResult> result) { again.set_value(std::move(result)); });
  const auto answer = value_of(again.get_future().get());
  EXPECT_TRUE(answer.repeated);
  EXPECT_EQ(answer.first_position, first.first_position);
  expect_whole(6);
}

TEST_F(AppendFromMemory, FindsItsTags) {
  value_of(store_->append({.events = {test::tagged_event_of("a", "T", {"x", "y", "x"})}}));
  const auto found = test::read_events(*store_, {.selector = Query::of({{.tags = {"x", "y"}}})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].version, StreamVersion{5});
}

TEST_F(AppendFromMemory, HoldsAConditionOnTheHead) {
  AppendRequest request = append_to("a");
  request.condition = AppendCondition{.query = Query::everything(), .after = {4}};
  value_of(store_->append(request));
  EXPECT_EQ(code_of(store_->append(request)), ErrorCode::AppendConditionFailed);
  expect_whole(5);
}

}  // namespace
}  // namespace eventstore::postgres
