#include "eventstore/query.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/event_test_support.hpp"
#include "eventstore/limits.hpp"

namespace eventstore {
namespace {

bool matches(const Query& query, const NewEvent& event) {
  return query.matches(EventAsStored(event).view());
}

ErrorCode refusal(const Query& query) {
  const auto valid = validate(query);
  EXPECT_FALSE(valid);
  return valid ? ErrorCode::Io : valid.error().code;
}

const NewEvent kPlaced{.stream = "order-1", .type = "Placed", .tags = {"order:1", "user:2"}};

TEST(Query, MatchesEverythingOfTheUsers) {
  EXPECT_TRUE(matches(Query::everything(), kPlaced));
  EXPECT_FALSE(matches(Query::everything(), {.stream = "$$order-1", .type = "Set"}));
  EXPECT_FALSE(matches(Query::everything(), {.stream = "order-1", .type = "$tombstone"}));
}

TEST(Query, MatchesAnyOfTheTypesAndAllOfTheTags) {
  EXPECT_TRUE(matches(Query::of({{.types = {"Paid", "Placed"}}}), kPlaced));
  EXPECT_FALSE(matches(Query::of({{.types = {"Paid"}}}), kPlaced));
  EXPECT_TRUE(matches(Query::of({{.tags = {"user:2", "order:1"}}}), kPlaced));
  EXPECT_FALSE(matches(Query::of({{.tags = {"user:2", "order:2"}}}), kPlaced));
  EXPECT_TRUE(matches(Query::of({{.types = {"Placed"}, .tags = {"user:2"}}}), kPlaced));
  EXPECT_FALSE(matches(Query::of({{.types = {"Paid"}, .tags = {"user:2"}}}), kPlaced));
}

TEST(Query, MatchesIfOneOfItsItemsDoes) {
  EXPECT_TRUE(matches(Query::of({{.types = {"Paid"}}, {.tags = {"user:2"}}}), kPlaced));
  EXPECT_FALSE(matches(Query::of({{.types = {"Paid"}}, {.tags = {"user:3"}}}), kPlaced));
}

TEST(Query, NeverMatchesTheStoresOwnByAnItem) {
  EXPECT_FALSE(matches(Query::of({{.types = {"$set"}}}), {.stream = "a", .type = "$set"}));
}

TEST(Query, IsRefusedWithoutAnythingToMatch) {
  EXPECT_TRUE(validate(Query::everything()));
  EXPECT_TRUE(validate(Query::of({{.types = {"Placed"}}})));
  EXPECT_EQ(refusal(Query{}), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(Query::of({{}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(Query::of({{.types = {"Placed"}}, {}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(Query{.all = true, .items = {{.types = {"a"}}}}), ErrorCode::InvalidArgument);
}

TEST(Query, IsRefusedWithATypeOrTagThatCannotBe) {
  EXPECT_EQ(refusal(Query::of({{.types = {""}}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(Query::of({{.tags = {"a\n"}}})), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(Query::of({{.types = {std::string(kEventTypeBytesMax + 1, 'a')}}})),
            ErrorCode::LimitExceeded);
  EXPECT_EQ(refusal(Query::of({{.tags = {std::string(kTagBytesMax + 1, 'a')}}})),
            ErrorCode::LimitExceeded);
}

}  // namespace
}  // namespace eventstore
