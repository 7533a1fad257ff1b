#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

class ExpectedVersions : public EngineTest {
 protected:
  // Brings `stream` to `version`, one append an event.
  void fill(const std::string& stream, std::uint64_t version) {
    for (std::uint64_t at = 0; at < version; ++at) value_of(store().append(append_to(stream)));
  }

  Error refusal_of(AppendRequest request) {
    const auto head = value_of(store().head());
    auto error = error_of(store().append(std::move(request)));
    EXPECT_EQ(value_of(store().head()), head) << "a refused append wrote something";
    return error;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, ExpectedVersions, testing::ValuesIn(all_engines()), engine_name);

TEST_P(ExpectedVersions, HoldOrFailInEveryStateOfAStream) {
  struct Kind {
    ExpectedVersion expected;
    std::vector<bool> holds;  // at versions 0, 1, 2, 3
  };
  const std::vector<Kind> kinds = {
      {ExpectedVersion::any(), {true, true, true, true}},
      {ExpectedVersion::no_stream(), {true, false, false, false}},
      {ExpectedVersion::stream_exists(), {false, true, true, true}},
      {ExpectedVersion::exactly({0}), {true, false, false, false}},
      {ExpectedVersion::exactly({1}), {false, true, false, false}},
      {ExpectedVersion::exactly({2}), {false, false, true, false}},
      {ExpectedVersion::exactly({UINT64_MAX}), {false, false, false, false}},
  };
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const auto& [expected, holds] = kinds[kind];
    for (std::uint64_t version = 0; version < holds.size(); ++version) {
      const auto stream = "s-" + std::to_string(kind) + "-" + std::to_string(version);
      fill(stream, version);
      const auto result = store().append(append_to(stream, expected));
      EXPECT_EQ(result.has_value(), holds[version])
          << expected.to_string() << " at version " << version;
      EXPECT_EQ(read_stream(store(), stream).size(), version + (holds[version] ? 1 : 0));
    }
  }
}

TEST_P(ExpectedVersions, TellExpectedAndActualVersionOfAConflict) {
  fill("s", 3);
  const auto error = refusal_of(append_to("s", ExpectedVersion::exactly({2})));
  EXPECT_EQ(error.code, ErrorCode::WrongExpectedVersion);
  EXPECT_FALSE(error.is_retryable());
  const auto conflict = details_of<VersionConflict>(error);
  EXPECT_EQ(conflict.stream, "s");
  EXPECT_EQ(conflict.expected, "2");
  EXPECT_EQ(conflict.actual, StreamVersion{3});
}

TEST_P(ExpectedVersions, TellThatThereIsNoStream) {
  const auto absent =
      details_of<VersionConflict>(refusal_of(append_to("s", ExpectedVersion::stream_exists())));
  EXPECT_EQ(absent.expected, "stream_exists");
  EXPECT_EQ(absent.actual, StreamVersion{0});

  fill("s", 1);
  const auto present =
      details_of<VersionConflict>(refusal_of(append_to("s", ExpectedVersion::no_stream())));
  EXPECT_EQ(present.expected, "no_stream");
  EXPECT_EQ(present.actual, StreamVersion{1});
}

TEST_P(ExpectedVersions, AreCheckedOnStreamsThatAreNotWritten) {
  fill("account", 2);
  AppendRequest request{.events = {event_of("transfer")},
                        .checks = {{"account", ExpectedVersion::exactly({2})}}};
  EXPECT_EQ(value_of(store().append(request)).streams,
            (std::vector<StreamOutcome>{{"transfer", {1}}}));

  fill("account", 1);
  const auto error = refusal_of(request);
  EXPECT_EQ(details_of<VersionConflict>(error).stream, "account");
  EXPECT_EQ(details_of<VersionConflict>(error).actual, StreamVersion{3});
}

TEST_P(ExpectedVersions, CanBeAllThatARequestAsks) {
  fill("s", 2);
  const auto held = value_of(store().append(
      {.checks = {{"s", ExpectedVersion::exactly({2})}, {"other", ExpectedVersion::no_stream()}}}));
  EXPECT_EQ(held.first_position, GlobalPosition{2});
  EXPECT_EQ(held.last_position, GlobalPosition{2});
  EXPECT_TRUE(held.streams.empty());
  EXPECT_FALSE(held.repeated);

  const auto error = refusal_of({.checks = {{"s", ExpectedVersion::exactly({2})},
                                            {"other", ExpectedVersion::stream_exists()}}});
  EXPECT_EQ(error.code, ErrorCode::WrongExpectedVersion);
  EXPECT_EQ(details_of<VersionConflict>(error).stream, "other");
}

TEST_P(ExpectedVersions, AreThoseBeforeTheAppendForEachOfItsEvents) {
  AppendRequest request = append_to("s", ExpectedVersion::exactly({0}), 3);
  EXPECT_EQ(value_of(store().append(request)).streams, (std::vector<StreamOutcome>{{"s", {3}}}));
}

TEST_P(ExpectedVersions, AreGivenAtMostOnceAStream) {
  const auto error =
      refusal_of({.events = {event_of("s")},
                  .checks = {{"s", ExpectedVersion::any()}, {"s", ExpectedVersion::no_stream()}}});
  EXPECT_EQ(error.code, ErrorCode::InvalidArgument);
}

TEST_P(ExpectedVersions, CanBeAskedOfTheStoresOwnStreams) {
  value_of(store().set_stream_metadata("s", R"({"owner":"me"})", ExpectedVersion::any()));
  value_of(store().append({.checks = {{"$$s", ExpectedVersion::exactly({1})}}}));
  EXPECT_EQ(refusal_of({.checks = {{"$$s", ExpectedVersion::no_stream()}}}).code,
            ErrorCode::WrongExpectedVersion);
}

}  // namespace
}  // namespace eventstore::test
