#include "postgres/self_test_log.hpp"

#include <gtest/gtest.h>

namespace eventstore::postgres {
namespace {

SeenLog seen(std::uint64_t events, std::uint64_t differs_at = 0) {
  SeenLog log;
  for (std::uint64_t position = 1; position <= events; ++position) {
    EXPECT_FALSE(log.take({position}, position == differs_at ? 7 : 1));
  }
  return log;
}

TEST(SeenLog, NoticesWhatIsSkippedAndWhatComesAgain) {
  auto log = seen(10);
  EXPECT_EQ(log.take({12}, 1), "position 12 came after position 10");
  EXPECT_EQ(log.take({11}, 1), "position 11 came after position 12");
  EXPECT_EQ(log.take({11}, 1), "position 11 came after position 11");
}

TEST(SeenLog, IsTheSameAsAnotherOfTheSameEvents) {
  EXPECT_FALSE(seen(200).difference_from(seen(200)));
  EXPECT_FALSE(seen(200).difference_from(seen(300)));
}

TEST(SeenLog, TellsWhereAnotherDiffers) {
  EXPECT_EQ(seen(300).difference_from(seen(300, 100)),
            "what was seen differs between positions 65 and 128");
  EXPECT_EQ(seen(300).difference_from(seen(300, 299)), "what was seen differs after position 256");
}

}  // namespace
}  // namespace eventstore::postgres
