#include <algorithm>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

class Chains : public EngineTest {
 protected:
  // Sends a request in `chain`, without waiting for those before it.
  void send(AppendRequest request, const std::shared_ptr<AppendChain>& chain) {
    request.context.chain = chain;
    auto answered = std::make_shared<std::promise<Result<AppendResult>>>();
    answers_.push_back(answered->get_future());
    store().append_async(std::move(request), [answered](Result<AppendResult> answer) {
      answered->set_value(std::move(answer));
    });
  }

  // The answers to all that was sent, in that order.
  std::vector<Result<AppendResult>> answers() {
    std::vector<Result<AppendResult>> answers;
    answers.reserve(answers_.size());
    for (auto& answer : answers_) answers.push_back(answer.get());
    answers_.clear();
    return answers;
  }

 private:
  std::vector<std::future<Result<AppendResult>>> answers_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Chains, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Chains, CommitInTheOrderInWhichTheyWereSent) {
  const auto chain = std::make_shared<AppendChain>();
  for (std::uint64_t version = 0; version < 500; ++version) {
    send(append_to("s", ExpectedVersion::exactly({version})), chain);
  }
  std::uint64_t position = 0;
  for (const auto& answer : answers()) {
    EXPECT_EQ(value_of(answer).first_position, GlobalPosition{++position});
  }
  EXPECT_FALSE(chain->is_broken());
}

TEST_P(Chains, BreakAtTheFirstFailure) {
  const auto chain = std::make_shared<AppendChain>();
  for (int link = 0; link < 200; ++link) {
    const bool fails = link == 100;
    send(append_to("s", fails ? ExpectedVersion::no_stream() : ExpectedVersion::any()), chain);
  }
  const auto answered = answers();
  for (std::size_t link = 0; link < 100; ++link) EXPECT_TRUE(answered[link].has_value()) << link;
  EXPECT_EQ(code_of(answered[100]), ErrorCode::WrongExpectedVersion);
  for (std::size_t link = 101; link < 200; ++link) {
    EXPECT_EQ(code_of(answered[link]), ErrorCode::Cancelled) << link;
  }
  EXPECT_EQ(read_stream(store(), "s").size(), 100u);
  EXPECT_TRUE(chain->is_broken());
}

// What is refused at once may overtake what waits: where the chain then breaks is open, but it
// does, and nothing is left out before the break.
TEST_P(Chains, BreakAtARequestThatIsMalformed) {
  const auto chain = std::make_shared<AppendChain>();
  for (int link = 0; link < 100; ++link) send(link == 50 ? AppendRequest{} : append_to("s"), chain);
  const auto answered = answers();
  EXPECT_EQ(code_of(answered[50]), ErrorCode::InvalidArgument);
  const auto broken = std::ranges::find_if(answered, [](const auto& answer) { return !answer; });
  const auto written = static_cast<std::size_t>(broken - answered.begin());
  EXPECT_LE(written, 50u);
  for (std::size_t link = written; link < 100; ++link) {
    if (link == 50) continue;
    EXPECT_EQ(code_of(answered[link]), ErrorCode::Cancelled) << link;
  }
  EXPECT_EQ(read_stream(store(), "s").size(), written);
}

TEST_P(Chains, BreakAtARepetitionBeyondWhatTheyAreTold) {
  const auto request_of = [](std::uint64_t id) {
    return AppendRequest{.events = {event_of("s", "Happened", id_of(id))}};
  };
  value_of(store().append(request_of(1)));
  const auto chain = std::make_shared<AppendChain>(GlobalPosition{1});
  const auto any = std::make_shared<AppendChain>();
  for (const std::uint64_t id : {1u, 2u, 2u, 3u}) send(request_of(id), chain);
  for (const std::uint64_t id : {1u, 2u, 2u, 4u}) send(request_of(id), any);
  const auto answered = answers();
  EXPECT_TRUE(value_of(answered[0]).repeated);
  EXPECT_FALSE(value_of(answered[1]).repeated);
  EXPECT_TRUE(value_of(answered[2]).repeated);
  EXPECT_EQ(code_of(answered[3]), ErrorCode::Cancelled);
  for (std::size_t link = 4; link < 8; ++link) EXPECT_TRUE(answered[link].has_value()) << link;
  EXPECT_EQ(read_stream(store(), "s").size(), 3u);
  EXPECT_TRUE(chain->is_broken());
  EXPECT_FALSE(any->is_broken());
}

TEST_P(Chains, StayBroken) {
  const auto chain = std::make_shared<AppendChain>();
  AppendRequest request = append_to("s", ExpectedVersion::stream_exists());
  request.context.chain = chain;
  EXPECT_EQ(code_of(store().append(request)), ErrorCode::WrongExpectedVersion);
  request.checks.clear();
  EXPECT_EQ(code_of(store().append(request)), ErrorCode::Cancelled);
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
  request.context.chain = std::make_shared<AppendChain>();
  EXPECT_TRUE(store().append(request).has_value());
}

TEST_P(Chains, DoNotTouchEachOther) {
  const auto one = std::make_shared<AppendChain>();
  const auto other = std::make_shared<AppendChain>();
  for (int link = 0; link < 50; ++link) {
    send(append_to("a", ExpectedVersion::stream_exists()), one);
    send(append_to("b"), other);
    send(append_to("c"), nullptr);
  }
  answers();
  EXPECT_TRUE(read_stream(store(), "a").empty());
  EXPECT_EQ(read_stream(store(), "b").size(), 50u);
  EXPECT_EQ(read_stream(store(), "c").size(), 50u);
}

}  // namespace
}  // namespace eventstore::test
