#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::bench {

// The command line of a benchmark: `--name value`, `--flag` and at most one plain argument. Ask for
// all that there may be, then call finish(): what nobody asked for is wrong usage. Wrong usage
// prints the usage text and ends the program with exit code 2; `--help` prints it and ends with 0.
class Arguments {
 public:
  Arguments(std::span<char* const> arguments, std::string_view usage);

  std::uint64_t number(std::string_view name, std::uint64_t otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<std::string> names(std::string_view name);  // with commas in between
  bool flag(std::string_view name);
  std::uint64_t plain_number(std::string_view what);  // required
  void finish() const;
  [[noreturn]] void refuse(std::string_view reason) const;  // as wrong usage

 private:
  std::uint64_t parse_number(std::string_view text) const;

  std::vector<std::string> left_;
  std::string_view usage_;
};

}  // namespace eventstore::bench
