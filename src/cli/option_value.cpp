#include "cli/option_value.hpp"

#include <algorithm>
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

struct Unit {
  char name;
  std::int64_t seconds;
};
constexpr std::array<Unit, 5> kUnits{
    {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}}};

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

std::expected<std::chrono::seconds, std::string> parse_duration(const std::string& text,
                                                                std::chrono::seconds least) {
  constexpr std::size_t kDigitsMax = 10;
  const auto unit =
      text.empty() ? kUnits.end() : std::ranges::find(kUnits, text.back(), &Unit::name);
  const auto digits = std::string_view(text).substr(0, text.empty() ? 0 : text.size() - 1);
  const bool is_number =
      !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (unit == kUnits.end() || !is_number) {
    return std::unexpected("not a time as in 90s, 30m, 12h, 7d or 4w: " + text);
  }
  if (digits.size() > kDigitsMax) {
    return std::unexpected("must have at most 10 digits: " + text);
  }
  std::int64_t amount = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), amount);
  const std::chrono::seconds time{amount * unit->seconds};
  if (time >= least) return time;
  return std::unexpected("must be at least " + format_duration(least) + ", not " + text);
}

std::string format_duration(std::chrono::seconds time) {
  const auto unit = std::ranges::find_if(kUnits.rbegin(), kUnits.rend(), [&](const Unit& each) {
    return time.count() % each.seconds == 0;
  });
  return std::to_string(time.count() / unit->seconds) + unit->name;
}

}  // namespace eventstore::cli
