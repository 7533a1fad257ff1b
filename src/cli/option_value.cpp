#include "cli/option_value.hpp"

#include <cerrno>
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

}  // namespace eventstore::cli
