#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/errors.hpp"
#include "cli/input.hpp"

namespace eventstore::cli {

// What is wrong with a line of the input.
struct BadLine {
  std::uint64_t number;
  std::string reason;
};

// "events.ndjson line 7: REASON", with file, line and reason as details.
Failure bad_line_failure(const std::string& input_name, const BadLine& bad);

// Splits an input into lines, reading it in large pieces. One thread at a time.
class LineReader {
 public:
  // As the text forms have it: more than a line of an event within the limits needs.
  static constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;

  // `input` must outlive the reader.
  explicit LineReader(Input& input, std::size_t line_bytes_max = kLineBytesMax);

  // The next line, without its line break (LF or CR LF); absent at the end. Valid until the next
  // call.
  //
  // Fails where the input does, and with "bad_input" at a line that is too long.
  Expected<std::optional<std::string_view>> next();

  std::uint64_t line_number() const { return line_number_; }  // of the last line; the first is 1

 private:
  std::string_view take(std::size_t bytes, std::size_t break_bytes);
  Expected<bool> read_more();

  Input& input_;
  std::size_t line_bytes_max_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is read and not yet returned
  std::size_t end_ = 0;
  std::uint64_t line_number_ = 0;
};

}  // namespace eventstore::cli
