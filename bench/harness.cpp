#include "harness.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

namespace eventstore::bench {

void fail(std::string_view what) {
  fmt::print(stderr, "failed: {}\n", what);
  std::_Exit(1);  // threads of a benchmark may still run
}

void fail_with_errno(std::string_view call) {
  fail(fmt::format("{}: {}", call, std::generic_category().message(errno)));
}

void fail(std::string_view what, const Error& error) {
  fail(fmt::format("{}: {} ({})", what, error.message, to_string(error.code)));
}

Summary summarize(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  const auto median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {.median = median, .min = values.front(), .max = values.back()};
}

void run_rounds(std::span<const std::function<void(std::size_t round)>> turns, std::size_t rounds) {
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < turns.size(); ++turn) {
      const auto step = round % 2 == 0 ? turn : turns.size() - 1 - turn;
      turns[(round + step) % turns.size()](round);
    }
  }
}

std::vector<std::uint64_t> pick_numbers(std::uint64_t seed, std::size_t count,
                                        std::uint64_t below) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> picked(count);
  for (auto& number : picked) number = random() % below;
  return picked;
}

void make_empty_folder(const std::filesystem::path& path) {
  if (!path.filename().string().starts_with("bench-")) fail("not a benchmark's: " + path.string());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
}

std::uint64_t disk_bytes(const std::filesystem::path& folder) {
  constexpr std::uint64_t kBlockBytes = 512;  // what stat() counts in, whatever the file system's
  std::uint64_t sum = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat status{};
    if (::stat(entry.path().c_str(), &status) != 0)
      fail_with_errno("stat " + entry.path().string());
    if (entry.is_regular_file()) sum += static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
  }
  return sum;
}

}  // namespace eventstore::bench
