#include "cli/import_batch.hpp"

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/text.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::cli {
namespace {

class ImportBatcherTest : public testing::Test {
 protected:
  Input& input(const std::string& text) {
    const auto path = directory_.path() / "input";
    std::ofstream(path, std::ios::binary) << text;
    input_ = Input::open(path, -1).value();
    return *input_;
  }

  // The batch sizes of `text`, or the failure's message at the end.
  std::vector<std::size_t> batch_sizes(const std::string& text, std::uint64_t batch_events_max) {
    ImportBatcher batcher(input(text), form(batch_events_max));
    std::vector<std::size_t> sizes;
    for (;;) {
      auto batch = batcher.next();
      if (!batch) failure_ = batch.error();
      if (!batch || !*batch) return sizes;
      EXPECT_EQ((*batch)->events.size(), (*batch)->lines.size());
      sizes.push_back((*batch)->events.size());
      for (const auto& event : (*batch)->events) ids_.push_back(*event.id);
    }
  }

  static ImportForm form(std::uint64_t batch_events_max) {
    return {.parse = parse_ndjson_event, .batch_events_max = batch_events_max};
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Input> input_;
  Failure failure_;
  std::vector<Uuid> ids_;
};

constexpr auto kId = "00000000-0000-4000-8000-000000000001";

std::string line_with(const std::string& id, const std::string& stream, const std::string& data) {
  return R"({"stream":")" + stream + R"(","type":"T","id":")" + id + R"(","data":)" + data + "}\n";
}

TEST_F(ImportBatcherTest, FillsBatches) {
  const std::string line = R"({"stream":"s","type":"T"})";
  EXPECT_EQ(batch_sizes(line + "\n\n" + line + "\n" + line, 2), (std::vector<std::size_t>{2, 1}));
}

TEST_F(ImportBatcherTest, CutsABatchBeforeItGetsTooLarge) {
  std::string text;
  for (int i = 0; i < 5; ++i) {
    text += R"({"stream":"s","type":"T","data":")" + std::string(5U << 20, 'x') + "\"}\n";
  }
  EXPECT_EQ(batch_sizes(text, 1000), (std::vector<std::size_t>{3, 2}));
}

// What an event is made of can be far smaller than its line.
TEST_F(ImportBatcherTest, CutsABatchOfLongLinesTooAndOneOfManyTags) {
  std::string text;
  for (int i = 0; i < 5; ++i) {
    text += R"({"stream":"s",)" + std::string(10U << 20, ' ') + "\"type\":\"T\"}\n";
  }
  EXPECT_EQ(batch_sizes(text, 1000), (std::vector<std::size_t>{3, 2}));

  std::string line = R"({"stream":"s","type":"T","tags":["a")";
  for (int tag = 1; tag < 64; ++tag) line += R"(,"a")";
  text.clear();
  for (int i = 0; i < 20'000; ++i) text += line + "]}\n";
  EXPECT_GT(batch_sizes(text, 1'000'000).size(), 1U);
}

TEST_F(ImportBatcherTest, GivesEqualLinesIdsOfTheirOwnAndAlwaysTheSame) {
  const std::string line = R"({"stream":"s","type":"T"})";
  const auto text = line + "\n" + line + "\n" + R"({"stream":"s","type":"U"})" + "\n" + line;
  batch_sizes(text, 1);
  EXPECT_EQ(std::set<Uuid>(ids_.begin(), ids_.end()).size(), 4U);
  const auto first = std::exchange(ids_, {});
  batch_sizes("\xef\xbb\xbf" + text, 3);
  EXPECT_EQ(ids_, first);
}

TEST_F(ImportBatcherTest, NamesTheBadLine) {
  EXPECT_EQ(batch_sizes("{\"stream\":\"s\",\"type\":\"T\"}\n\n{\"stream\":\"s\"}\n", 1),
            std::vector<std::size_t>{1});
  EXPECT_EQ(failure_.code, "bad_input");
  EXPECT_EQ(failure_.details["line"], 3);
}

TEST_F(ImportBatcherTest, LeavesOutALineThatSaysTheSameAgain) {
  const auto line = line_with(kId, "s", "1");
  EXPECT_EQ(batch_sizes(line + line_with(kId, "other", "1") + line, 10),
            std::vector<std::size_t>{2});
}

TEST_F(ImportBatcherTest, RefusesAnIdThatComesAgainWithAnotherEvent) {
  batch_sizes(line_with(kId, "s", "1") + line_with(kId, "other", "2") + line_with(kId, "s", "2"),
              10);
  EXPECT_EQ(failure_.code, "bad_input");
  EXPECT_EQ(failure_.details["line"], 3);
}

}  // namespace
}  // namespace eventstore::cli
