#include "cli/option_value.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>

#include "eventstore/limits.hpp"

namespace eventstore::cli {
namespace {

using FileHandle = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

void trim_json(std::string& text) {
  constexpr std::string_view kJsonSpace = " \t\r\n";
  text.erase(text.find_last_not_of(kJsonSpace) + 1);
  text.erase(0, text.find_first_not_of(kJsonSpace));
}

// All of a file, up to one byte more than an event may hold: enough to be refused for it.
Expected<std::string> read_all(std::FILE* file, const std::string& name, PayloadFormat format) {
  std::string text(kEventBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  if (std::ferror(file) != 0) return std::unexpected(io_failure("cannot read " + name, errno));
  if (format == PayloadFormat::Json && text.size() <= kEventBytesMax) trim_json(text);
  return text;
}

}  // namespace

Expected<std::string> load_value(const std::string& value, PayloadFormat format) {
  if (!value.starts_with('@')) return value;
  if (value == "@") return std::unexpected(usage_failure("@ names no file: give @FILE"));
  const auto path = value.substr(1);
  const FileHandle file(std::fopen(path.c_str(), "rbe"));
  if (!file) return std::unexpected(io_failure("cannot open " + path, errno));
  return read_all(file.get(), path, format);
}

Expected<std::string> load_value_or_input(const std::string& value, PayloadFormat format) {
  if (value == "-") return read_all(stdin, "standard input", format);
  return load_value(value, format);
}

std::optional<ExpectedVersion> parse_expected(const std::string& text) {
  if (text == "any") return ExpectedVersion::any();
  if (text == "none") return ExpectedVersion::no_stream();
  if (text == "exists") return ExpectedVersion::stream_exists();
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t version = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    version = version * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return ExpectedVersion::exactly(StreamVersion{version});
}

std::optional<std::chrono::seconds> parse_duration(const std::string& text) {
  constexpr std::string_view kUnits = "smhdw";
  constexpr std::array kSeconds = {1, 60, 3600, 86'400, 604'800};
  const auto unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit == std::string_view::npos || text.size() > 11) return std::nullopt;
  std::int64_t amount = 0;
  const auto* const end = text.data() + text.size() - 1;
  const auto [at, error] = std::from_chars(text.data(), end, amount);
  if (error != std::errc() || at != end || amount < 1) return std::nullopt;
  return std::chrono::seconds{amount * kSeconds.at(unit)};
}

}  // namespace eventstore::cli
