#include "core/engine_registry.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

// An engine that opens nothing, and says its name.
OpenFunction engine_named(std::string name) {
  return [name = std::move(name)](std::string_view,
                                  const OpenOptions&) -> Result<std::unique_ptr<EventStore>> {
    return std::unexpected(Error{.code = ErrorCode::NotFound, .message = name});
  };
}

std::string name_of_engine_for(std::string_view url) {
  const auto engine = find_engine(url);
  return engine ? engine(url, {}).error().message : "none";
}

class EngineRegistryTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& scheme : registered_schemes()) register_engine(scheme, {});
  }
};

TEST_F(EngineRegistryTest, FindsAnEngineByTheSchemeOfAUrl) {
  register_engine("one", engine_named("1"));
  register_engine("ones", engine_named("2"));
  EXPECT_EQ(name_of_engine_for("one:"), "1");
  EXPECT_EQ(name_of_engine_for("one://host/store"), "1");
  EXPECT_EQ(name_of_engine_for("ones:x"), "2");
}

TEST_F(EngineRegistryTest, FindsNoneForOtherUrlsAndPaths) {
  register_engine("one", engine_named("1"));
  for (const auto* url : {"", ":", "one", "on:", "onee:", "./one:", "file:one:", "/one:x"}) {
    EXPECT_EQ(name_of_engine_for(url), "none") << url;
  }
}

TEST_F(EngineRegistryTest, TakesSchemesForTheSameInEitherCase) {
  register_engine("One", engine_named("1"));
  EXPECT_EQ(name_of_engine_for("oNE:x"), "1");
  EXPECT_EQ(registered_schemes(), (std::vector<std::string>{"one"}));
}

TEST_F(EngineRegistryTest, ReplacesTheEngineOfAScheme) {
  register_engine("one", engine_named("1"));
  register_engine("ONE", engine_named("2"));
  EXPECT_EQ(name_of_engine_for("one:"), "2");
}

TEST_F(EngineRegistryTest, ForgetsASchemeThatIsGivenNoFunction) {
  register_engine("one", engine_named("1"));
  register_engine("one", {});
  register_engine("two", {});
  EXPECT_EQ(name_of_engine_for("one:"), "none");
  EXPECT_TRUE(registered_schemes().empty());
}

TEST_F(EngineRegistryTest, IsSafeFromAnyThread) {
  register_engine("one", engine_named("1"));
  const std::jthread other([] {
    for (int i = 0; i < 1000; ++i) register_engine("one", engine_named("1"));
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(name_of_engine_for("one:"), "1");
}

}  // namespace
}  // namespace eventstore
