// The text forms over files of the repository: the real log among the examples, and the pages that
// describe the forms.

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <zstd.h>

#include "core/event_test_support.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {
namespace {

std::string file_contents(const std::string& path) {
  std::ifstream file(std::string(EVENTSTORE_SOURCE_FOLDER "/") + path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string decompressed(const std::string& bytes) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return {};
  std::string text(size, '\0');
  const std::size_t written = ZSTD_decompress(text.data(), text.size(), bytes.data(), bytes.size());
  return ZSTD_isError(written) == 0 && written == text.size() ? text : std::string();
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// The lines within "```json" and "```".
std::vector<std::string> examples_of(const std::string& page) {
  std::vector<std::string> examples;
  bool is_example = false;
  for (const auto& line : lines_of(page)) {
    if (line.starts_with("```")) {
      is_example = line == "```json";
    } else if (is_example) {
      examples.push_back(line);
    }
  }
  return examples;
}

TEST(TextFiles, ThePermitLogIsWrittenBackAsItWasRead) {
  const auto lines = lines_of(decompressed(file_contents("examples/permits/permits.ndjson.zst")));
  ASSERT_EQ(lines.size(), 8577U);
  for (const auto& line : lines) {
    const auto event = parse_ndjson_event(line);
    ASSERT_TRUE(event) << event.error().message;
    ASSERT_TRUE(validate(*event)) << line;
    std::string written;
    write_ndjson_event(written, EventAsStored(*event).view());
    ASSERT_EQ(written, line);
  }
}

TEST(TextFiles, ThePermitLogGoesThroughCloudEvents) {
  for (const auto& line :
       lines_of(decompressed(file_contents("examples/permits/permits.ndjson.zst")))) {
    const auto event = parse_ndjson_event(line);
    std::string written;
    write_cloud_event(written, EventAsStored(event.value()).view());
    const auto read = parse_cloud_event(written);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(difference(*read, *event), std::nullopt);
  }
}

TEST(TextFiles, TheExamplesOfTheNdjsonPageAreEvents) {
  const auto examples = examples_of(file_contents("docs/formats/ndjson.md"));
  EXPECT_GE(examples.size(), 4U);
  for (const auto& line : examples) {
    const auto event = parse_ndjson_event(line);
    ASSERT_TRUE(event) << line << ": " << event.error().message;
    EXPECT_TRUE(validate(*event)) << line;
  }
}

TEST(TextFiles, TheExamplesOfTheCloudEventsPageAreEvents) {
  const auto examples = examples_of(file_contents("docs/formats/cloudevents.md"));
  EXPECT_GE(examples.size(), 4U);
  for (const auto& line : examples) {
    const auto event = parse_cloud_event(line);
    ASSERT_TRUE(event) << line << ": " << event.error().message;
    EXPECT_TRUE(validate(*event)) << line;
    std::string written;
    write_cloud_event(written, EventAsStored(*event).view());
    const auto read = parse_cloud_event(written);
    ASSERT_TRUE(read) << written;
    EXPECT_EQ(difference(*read, *event), std::nullopt);
  }
}

}  // namespace
}  // namespace eventstore
