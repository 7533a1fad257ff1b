#include "harness.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

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

double percentile(std::span<const double> sorted, double fraction) {
  if (sorted.empty()) return 0;
  const auto rank = std::ceil(fraction * static_cast<double>(sorted.size()));
  return sorted[std::max<std::size_t>(static_cast<std::size_t>(rank), 1) - 1];
}

std::vector<Measured> run_rounds(std::span<const Candidate> candidates, std::size_t rounds) {
  std::vector<Measured> measured(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) measured[i].name = candidates[i].name;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < candidates.size(); ++turn) {
      const auto step = round % 2 == 0 ? turn : candidates.size() - 1 - turn;
      const auto i = (round + step) % candidates.size();
      auto sample = candidates[i].run(round);
      std::ranges::sort(sample.latencies_us);
      measured[i].rates.push_back(static_cast<double>(sample.operations) / sample.seconds);
      measured[i].median_us.push_back(percentile(sample.latencies_us, 0.5));
      measured[i].p99_us.push_back(percentile(sample.latencies_us, 0.99));
    }
    fmt::print(stderr, "round {} of {} done\n", round + 1, rounds);
  }
  return measured;
}

std::vector<double> ratios(std::span<const double> of, std::span<const double> to) {
  std::vector<double> result;
  for (std::size_t i = 0; i < std::min(of.size(), to.size()); ++i) result.push_back(of[i] / to[i]);
  return result;
}

void Report::heading(std::string_view text) const {
  fmt::print("\n{}\n", text);
}

void Report::add(std::string_view name, std::string_view unit, Summary values) {
  const auto digits = values.median >= 1000 ? 0 : values.median >= 10 ? 1 : 3;
  fmt::print("  {:<46} {:>12.{}f} {:<10} ({:.{}f} to {:.{}f})\n", name, values.median, digits, unit,
             values.min, digits, values.max, digits);
  std::fflush(stdout);
  lines_.push_back({.name = std::string(name), .unit = std::string(unit), .values = values});
}

void Report::write_json(const std::string& path) const {
  if (path.empty()) return;
  std::string text;
  for (const auto& line : lines_) {
    text += fmt::format(R"({}{{"name":"{}","unit":"{}","median":{},"min":{},"max":{}}})",
                        text.empty() ? "" : ",\n", line.name, line.unit, line.values.median,
                        line.values.min, line.values.max);
  }
  text = "{\"results\":[\n" + text + "\n]}\n";
  auto* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) fail_with_errno("open " + path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) fail_with_errno("write " + path);
}

void make_empty_folder(const std::filesystem::path& path) {
  if (!path.filename().string().starts_with("bench-")) fail("not a benchmark's: " + path.string());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
}

}  // namespace eventstore::bench
