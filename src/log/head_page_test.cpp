#include "log/head_page.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "core/file_system_test_support.hpp"
#include "core/memory_file_system.hpp"

namespace eventstore::log {
namespace {

class HeadPageTest : public testing::Test {
 protected:
  HeadPageTest() { file_with(files_, "HEAD", std::string(SharedPage::kBytes, '\0')); }

  HeadPage page(FileSystem::Access access) { return HeadPage(*files_.share_page("HEAD", access)); }

  MemoryFileSystem files_;
};

TEST_F(HeadPageTest, IsOfNoBootBeforeAWriterTookItOver) {
  const auto reader = page(FileSystem::Access::Read);
  EXPECT_FALSE(reader.is_of_boot(files_.boot_id()));
  EXPECT_FALSE(reader.is_of_boot({}));
  page(FileSystem::Access::ReadWrite).take_over(files_.boot_id(), {7}, 3);
  EXPECT_TRUE(reader.is_of_boot(files_.boot_id()));
  EXPECT_FALSE(reader.is_of_boot({}));
  EXPECT_EQ(reader.durable_head(), GlobalPosition{7});
  EXPECT_EQ(reader.manifest_generation(), 3U);
}

TEST_F(HeadPageTest, WakesWhoWaitsWithEachNewHead) {
  auto writer = page(FileSystem::Access::ReadWrite);
  auto reader = page(FileSystem::Access::Read);
  for (std::uint64_t head = 1; head <= 3; ++head) {
    const auto seen = reader.wake_word();
    std::jthread waiting([&] {
      while (reader.wake_word() == seen) reader.wait(seen, std::chrono::hours(1));
      EXPECT_EQ(reader.durable_head(), GlobalPosition{head});
    });
    writer.publish({head}, 1);
    ASSERT_NE(reader.wake_word(), seen);
  }
}

}  // namespace
}  // namespace eventstore::log
