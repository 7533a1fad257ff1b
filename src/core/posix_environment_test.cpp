#include "core/posix_environment.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace eventstore {
namespace {

using Block = std::array<std::byte, 16>;

TEST(PosixRandom, NeverRepeatsItself) {
  PosixRandom random;
  std::set<Block> seen;
  for (int i = 0; i < 10'000; ++i) {
    Block block{};
    random.fill(block);
    EXPECT_TRUE(seen.insert(block).second);
  }
}

TEST(PosixRandom, FillsAnySize) {
  PosixRandom random;
  random.fill({});
  for (const std::size_t size : {1U, 15U, 4095U, 4096U, 4097U, 100'000U}) {
    std::vector<std::byte> bytes(size + 1);
    // Each byte is non-zero after some tries, but for the one that was not asked for.
    std::vector<bool> touched(size + 1);
    for (int attempt = 0; attempt < 20; ++attempt) {
      random.fill(std::span(bytes).first(size));
      for (std::size_t i = 0; i <= size; ++i) touched[i] = touched[i] || bytes[i] != std::byte{0};
    }
    EXPECT_EQ(std::ranges::count(touched, false), 1) << size;
    EXPECT_FALSE(touched[size]);
  }
}

TEST(PosixRandom, DiffersInAForkedChild) {
  PosixRandom random;
  Block before{};
  random.fill(before);  // the buffer is filled by now

  int ends[2];  // NOLINT(modernize-avoid-c-arrays): as pipe wants it
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    Block block{};
    random.fill(block);
    _exit(write(ends[1], block.data(), block.size()) == std::ssize(block) ? 0 : 1);
  }
  Block ours{};
  Block theirs{};
  random.fill(ours);
  ASSERT_EQ(read(ends[0], theirs.data(), theirs.size()), std::ssize(theirs));
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_NE(ours, theirs);
  close(ends[0]);
  close(ends[1]);
}

TEST(PosixClock, DoesNotGoBack) {
  PosixClock clock;
  const auto before = clock.monotonic_now();
  EXPECT_GE(clock.monotonic_now(), before);
  EXPECT_GT(clock.wall_now().time_since_epoch(), std::chrono::years(50));
}

TEST(PosixEnvironment, IsOneForTheProcess) {
  EXPECT_EQ(&posix_environment(), &posix_environment());
  EXPECT_NE(posix_environment().files, nullptr);
  EXPECT_NE(posix_environment().clock, nullptr);
  EXPECT_NE(posix_environment().random, nullptr);
}

}  // namespace
}  // namespace eventstore
