#include "cli/line_reader.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace eventstore::cli {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

}  // namespace

Failure bad_line_failure(const std::string& input_name, const BadLine& bad) {
  Failure failure("bad_input", fmt::format("{} line {}: {}", input_name, bad.number, bad.reason));
  failure.details = {{"file", input_name}, {"line", bad.number}, {"reason", bad.reason}};
  return failure;
}

LineReader::LineReader(Input& input, std::size_t line_bytes_max)
    : input_(input), line_bytes_max_(line_bytes_max), buffer_(2 * kChunkBytes) {}

Expected<std::optional<std::string_view>> LineReader::next() {
  std::size_t searched = 0;
  for (;;) {
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    const auto line_break = rest.find('\n', searched);
    searched = rest.size();
    const bool whole = line_break != std::string_view::npos;
    if (std::min(line_break, rest.size()) > line_bytes_max_) {
      return std::unexpected(bad_line_failure(
          input_.name(),
          {line_number_ + 1,
           fmt::format("longer than {} MiB; an event has at most 16 MiB", line_bytes_max_ >> 20)}));
    }
    if (whole) return take(line_break, 1);
    const auto more = read_more();
    if (!more) return std::unexpected(more.error());
    if (!*more && begin_ == end_) return std::nullopt;
    if (!*more) return take(end_ - begin_, 0);
  }
}

std::string_view LineReader::take(std::size_t bytes, std::size_t break_bytes) {
  std::string_view line(buffer_.data() + begin_, bytes);
  begin_ += bytes + break_bytes;
  ++line_number_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Makes room behind what is not yet returned, and fills it. False at the end of the input.
Expected<bool> LineReader::read_more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kChunkBytes) buffer_.resize(buffer_.size() * 2);
  const auto read = input_.read(std::span(buffer_).subspan(end_, kChunkBytes));
  if (!read) return std::unexpected(read.error());
  end_ += *read;
  return *read > 0;
}

}  // namespace eventstore::cli
