#include "arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace eventstore::bench {

Arguments::Arguments(std::span<char* const> arguments, std::string_view usage)
    : left_(arguments.begin() + 1, arguments.end()), usage_(usage) {
  if (!flag("--help")) return;
  fmt::print("{}", usage_);
  std::exit(0);  // NOLINT(concurrency-mt-unsafe): no thread has started yet
}

std::uint64_t Arguments::number(std::string_view name, std::uint64_t otherwise) {
  const auto value = text(name, "");
  return value.empty() ? otherwise : parse_number(value);
}

std::string Arguments::text(std::string_view name, std::string_view otherwise) {
  const auto found = std::ranges::find(left_, name);
  if (found == left_.end()) return std::string(otherwise);
  if (found + 1 == left_.end()) refuse(fmt::format("{} needs a value", name));
  auto value = *(found + 1);
  left_.erase(found, found + 2);
  return value;
}

std::vector<std::string> Arguments::names(std::string_view name) {
  const auto value = text(name, "");
  std::vector<std::string> names;
  for (std::string_view list = value; !list.empty();) {
    const auto comma = std::min(list.find(','), list.size());
    if (comma > 0) names.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

bool Arguments::flag(std::string_view name) {
  return std::erase(left_, name) != 0;
}

std::uint64_t Arguments::plain_number(std::string_view what) {
  const auto found = std::ranges::find_if(left_, [](const auto& text) { return text[0] != '-'; });
  if (found == left_.end()) refuse(fmt::format("{} is missing", what));
  const auto value = parse_number(*found);
  left_.erase(found);
  return value;
}

void Arguments::finish() const {
  if (!left_.empty()) refuse(fmt::format("unknown argument {}", left_.front()));
}

void Arguments::refuse(std::string_view reason) const {
  fmt::print(stderr, "{}\n{}", reason, usage_);
  std::exit(2);  // NOLINT(concurrency-mt-unsafe): no thread has started yet
}

std::uint64_t Arguments::parse_number(std::string_view text) const {
  std::uint64_t value = 0;
  const auto* const end = std::to_address(text.end());
  const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, value);
  if (error != std::errc{} || stop != end) refuse(fmt::format("not a number: {}", text));
  return value;
}

}  // namespace eventstore::bench
