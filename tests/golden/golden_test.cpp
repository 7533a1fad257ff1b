// A store of each released format version opens for ever, and holds what it held.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

class GoldenStore : public testing::TestWithParam<std::string> {
 protected:
  GoldenStore() { std::filesystem::copy(golden_, url_, std::filesystem::copy_options::recursive); }

  std::string expected_lines() const {
    std::ifstream file(golden_ + ".ndjson", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string golden_ = EVENTSTORE_GOLDEN_FOLDER "/" + GetParam();
  const TemporaryDirectory folder_;
  const std::string url_ = (folder_.path() / "store").string();
};
std::string version_name(const testing::TestParamInfo<std::string>& golden) {
  return golden.param.substr(golden.param.find('-') + 1);
}
INSTANTIATE_TEST_SUITE_P(Format, GoldenStore, testing::Values("store-v1"), version_name);

TEST_P(GoldenStore, IsReadAsItWasWritten) {
  ASSERT_FALSE(expected_lines().empty());
  const auto store = value_of(open(url_, {.read_only = true}));
  EXPECT_EQ(read_lines(*store, {.include_system = true}), expected_lines());
  EXPECT_TRUE(value_of(store->verify()).findings.empty());
}

TEST_P(GoldenStore, GoesOn) {
  const auto before = expected_lines();
  {
    const auto store = value_of(open(url_, {.create = false}));
    EXPECT_EQ(read_lines(*store, {.include_system = true}), before);
    value_of(store->append(append_to("after-1", ExpectedVersion::no_stream())));
  }
  const auto store = value_of(open(url_));
  const auto lines = read_lines(*store, {.include_system = true});
  EXPECT_TRUE(lines.starts_with(before));
  EXPECT_GT(lines.size(), before.size());
  EXPECT_TRUE(value_of(store->verify()).findings.empty());
}

}  // namespace
}  // namespace eventstore::test
