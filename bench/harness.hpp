#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "eventstore/result.hpp"

namespace eventstore::bench {

// A benchmark has no use for going on after a failure: it says what failed and exits with 1.
[[noreturn]] void fail(std::string_view what);
[[noreturn]] void fail_with_errno(std::string_view call);
[[noreturn]] void fail(std::string_view what, const Error& error);

template <typename T>
T must(Result<T> result, std::string_view what) {
  if (!result) fail(what, result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Time since it was made.
class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - start_; }
  double seconds() const { return std::chrono::duration<double>(elapsed()).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The values of one measurement over the rounds.
struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
};
Summary summarize(std::vector<double> values);

// Runs every turn once a round. Each round begins with the next one, and every other round goes
// through them backwards, so that none always has the same neighbour.
void run_rounds(std::span<const std::function<void(std::size_t round)>> turns, std::size_t rounds);

// `count` numbers below `below`, the same for the same seed: others each round, the same for each
// candidate.
std::vector<std::uint64_t> pick_numbers(std::uint64_t seed, std::size_t count, std::uint64_t below);

// Keeps the compiler from leaving out a computation whose result nobody wants.
inline void consume(std::uint64_t value) {
  asm volatile("" : : "r"(value));
}

// Makes `path` a new, empty folder. Removes what a run before left there, but only where its name
// says that it is a benchmark's.
void make_empty_folder(const std::filesystem::path& path);

// What the files in a folder and below take on the disk, in bytes.
std::uint64_t disk_bytes(const std::filesystem::path& folder);

}  // namespace eventstore::bench
