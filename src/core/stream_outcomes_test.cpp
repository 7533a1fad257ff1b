#include "core/stream_outcomes.hpp"

#include <gtest/gtest.h>

namespace eventstore {
namespace {

TEST(StreamOutcomes, HasTheLastVersionOfEachStreamInOrderOfFirstAppearance) {
  StreamOutcomes streams;
  streams.set("b", {4});
  streams.set("a", {1});
  streams.set("b", {5});
  EXPECT_EQ(streams.take(), (std::vector<StreamOutcome>{{.stream = "b", .version = {5}},
                                                        {.stream = "a", .version = {1}}}));
}

TEST(StreamOutcomes, IsEmptyWhereNothingWasWritten) {
  StreamOutcomes streams;
  EXPECT_TRUE(streams.take().empty());
}

}  // namespace
}  // namespace eventstore
