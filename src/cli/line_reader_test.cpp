#include "cli/line_reader.hpp"

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zstd.h>

#include "support/temporary_directory.hpp"

namespace eventstore::cli {
namespace {

struct Lines {
  std::vector<std::string> lines;
  std::string failure;  // a code
};

Lines lines_of(const std::string& bytes, std::size_t line_bytes_max = LineReader::kLineBytesMax) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "input";
  std::ofstream(path, std::ios::binary) << bytes;
  auto input = Input::open(path, -1);
  if (!input) return {.lines = {}, .failure = input.error().code};
  LineReader reader(**input, line_bytes_max);
  Lines result;
  for (;;) {
    const auto line = reader.next();
    if (!line) result.failure = line.error().code;
    if (!line || !*line) return result;
    result.lines.emplace_back(**line);
    EXPECT_EQ(reader.line_number(), result.lines.size());
  }
}

std::string compressed(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1));
  return out;
}

using Strings = std::vector<std::string>;

TEST(LineReader, ReadsFramesOfZstdInARowAlsoThoseToBeSkipped) {
  const std::string skipped("\x5e\x2a\x4d\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(lines_of(compressed("a\nb") + compressed("c\n")).lines, (Strings{"a", "bc"}));
  EXPECT_EQ(lines_of(skipped + compressed("a\nb") + skipped).lines, (Strings{"a", "b"}));
}

TEST(LineReader, SplitsAtLineBreaks) {
  EXPECT_EQ(lines_of("").lines, Strings{});
  EXPECT_EQ(lines_of("a").lines, Strings{"a"});
  EXPECT_EQ(lines_of("a\n").lines, Strings{"a"});
  EXPECT_EQ(lines_of("a\n\nb").lines, (Strings{"a", "", "b"}));
  EXPECT_EQ(lines_of("a\r\nb\r\n").lines, (Strings{"a", "b"}));
  EXPECT_EQ(lines_of("abcdef").lines, Strings{"abcdef"});
}

RC_GTEST_PROP(LineReader, ReturnsLinesOfAnyLength, (const std::vector<std::uint16_t>& sizes)) {
  std::string bytes;
  Strings lines;
  for (const auto size : sizes) {
    lines.emplace_back(std::size_t{size} * 40, static_cast<char>('a' + size % 26));
    bytes += lines.back() + '\n';
  }
  RC_ASSERT(lines_of(bytes).lines == lines);
  RC_ASSERT(lines_of(compressed(bytes)).lines == lines);
}

TEST(LineReader, ReadsSeveralCompressedFramesInARow) {
  EXPECT_EQ(lines_of(compressed("a\nb") + compressed("c\nd")).lines, (Strings{"a", "bc", "d"}));
}

TEST(LineReader, ReportsACompressedFileThatIsCutShort) {
  const auto whole = compressed("opened\nclosed\n");
  for (std::size_t size = 4; size < whole.size(); ++size) {
    EXPECT_EQ(lines_of(whole.substr(0, size)).failure, "bad_input") << "cut at byte " << size;
  }
}

TEST(LineReader, RefusesALineThatIsTooLong) {
  EXPECT_EQ(lines_of("four\nfive5\n", 4).failure, "bad_input");
  EXPECT_EQ(lines_of("four\nfive5\n", 4).lines, Strings{"four"});
  EXPECT_EQ(lines_of("four\nfive", 4).lines, (Strings{"four", "five"}));
}

TEST(LineReader, ReportsAMissingFile) {
  EXPECT_EQ(Input::open("/no/such/file", -1).error().code, "io");
}

// Of a compressed file too, which is read in larger pieces than it is handed on.
TEST(Input, TellsHowMuchWasHandedOn) {
  std::string text;
  for (std::uint64_t n = 0; n < 300'000; ++n) text += std::to_string(n * 7919 % 1'000'003) + '\n';
  for (const auto& bytes : {text, compressed(text)}) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "input";
    std::ofstream(path, std::ios::binary) << bytes;
    const auto input = Input::open(path, -1).value();
    std::string piece(text.size() / 10, '\0');
    std::size_t read = 0;
    while (read < text.size() / 2) read += input->read(piece).value();
    EXPECT_NEAR(input->share_used().value(), 0.5, 0.2);
    while (input->read(piece).value() > 0) {
    }
    EXPECT_EQ(input->share_used(), 1.0);
  }
}

}  // namespace
}  // namespace eventstore::cli
