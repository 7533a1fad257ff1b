#include "postgres/known_streams.hpp"

#include <string>

#include <gtest/gtest.h>

namespace eventstore::postgres {
namespace {

std::vector<SeenStream::Part> parts(std::size_t count) {
  std::vector<SeenStream::Part> parts;
  for (std::size_t part = 0; part < count; ++part) {
    parts.push_back({.month = {203101 + static_cast<int>(part)}, .first_version = {part + 1}});
  }
  return parts;
}

std::size_t known_of(KnownStreams& known, std::string_view stream) {
  const auto parts = known.parts_of(stream);
  return parts ? parts->size() : 0;
}

TEST(KnownStreams, HasWhatItLearnedLast) {
  KnownStreams known;
  EXPECT_FALSE(known.parts_of("s"));
  known.learn("s", parts(1));
  known.learn("t", parts(3));
  known.learn("s", parts(2));
  EXPECT_EQ(known_of(known, "s"), 2U);
  EXPECT_EQ(known_of(known, "t"), 3U);
}

TEST(KnownStreams, KeepsWhatIsAskedForAndNotMoreThanItMay) {
  constexpr std::size_t kMost = 20;
  KnownStreams known(kMost);
  known.learn("asked", parts(1));
  for (int stream = 0; stream < 100; ++stream) {
    known.learn(std::to_string(stream), parts(2));
    EXPECT_EQ(known_of(known, "asked"), 1U) << stream;
  }
  std::size_t kept = 0;
  for (int stream = 0; stream < 100; ++stream) kept += known_of(known, std::to_string(stream));
  EXPECT_GT(kept, 0U);
  EXPECT_LE(kept, kMost);
}

// Learning a stream again and again is no more than learning it once.
TEST(KnownStreams, CountsAStreamOnce) {
  KnownStreams known(20);
  known.learn("s", parts(5));
  for (int time = 0; time < 100; ++time) known.learn("t", parts(4));
  EXPECT_EQ(known_of(known, "s"), 5U);
}

}  // namespace
}  // namespace eventstore::postgres
