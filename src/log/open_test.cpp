#include "eventstore/open.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "eventstore/maintenance.hpp"

namespace eventstore {
namespace {

// An engine of another kind: each of its stores is one in memory.
class OpenTest : public testing::Test {
 protected:
  void register_other() {
    register_engine("other", [this](std::string_view url, const OpenOptions& options) {
      opened_ = url;
      return open("memory:", options);
    });
  }
  void TearDown() override { register_engine("other", {}); }

  std::string opened_;  // the URL that the other engine was given last
};

std::string refusal_of(std::string_view url) {
  const auto store = open(url);
  if (store) return "none";
  EXPECT_EQ(store.error().code, ErrorCode::InvalidArgument);
  return store.error().message;
}

TEST_F(OpenTest, HandsUrlsToTheEngineThatIsRegisteredForThem) {
  register_other();
  EXPECT_TRUE(open("Other://host/store"));
  EXPECT_EQ(opened_, "Other://host/store");
}

TEST_F(OpenTest, ChecksOptionsBeforeAnyEngineSeesThem) {
  register_other();
  const auto store = open("other:x", {.queue_requests_max = 0});
  EXPECT_EQ(store.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(opened_, "");
}

TEST_F(OpenTest, NamesTheSchemeThatNoEngineKnowsAndThoseThatOneDoes) {
  EXPECT_EQ(refusal_of("other://host/store"),
            "no engine of this program knows the scheme of store URL other://...; "
            "use file:PATH or memory:");
  register_other();
  EXPECT_EQ(refusal_of("another://host/store"),
            "no engine of this program knows the scheme of store URL another://...; "
            "use file:PATH, memory: or other:");
  EXPECT_EQ(refusal_of("memory:x"),
            "no engine knows the store URL memory:x; use file:PATH, memory: or other:");
}

TEST_F(OpenTest, KeepsThePasswordOfAUrlOutOfItsRefusal) {
  EXPECT_EQ(refusal_of("other://me:secret@host/store").find("secret"), std::string::npos);
}

TEST_F(OpenTest, RepairsNoStoreOfAnotherEngine) {
  register_other();
  const auto report = repair("other:x", "copy", {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().message,
            "repair is between stores that lie in files, not other:; use file:PATH");
}

}  // namespace
}  // namespace eventstore
