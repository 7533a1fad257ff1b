#include "core/mapped_access.hpp"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/check.hpp"
#include "core/file_system_test_support.hpp"
#include "core/posix_file_system.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore {
namespace {

constexpr std::size_t kPageBytes = 4096;

// A map of three pages over a file that somebody has cut to one since.
class MappedAccessTest : public testing::Test {
 protected:
  // Before the first map, which keeps the handler that is there: AddressSanitizer has one.
  static void SetUpTestSuite() { CHECK(std::signal(SIGBUS, SIG_DFL) != SIG_ERR); }

  MappedAccessTest() {
    const auto path = folder_.path().string() + "/a";
    file_ = file_with(files_, path, std::string(3 * kPageBytes, 'x'));
    map_ = *file_->map(3 * kPageBytes);
    CHECK(truncate(path.c_str(), kPageBytes) == 0);
  }

  char byte_of_page(std::size_t page) const {
    return static_cast<char>(
        const_cast<volatile const std::byte*>(map_->bytes().data())[page * kPageBytes]);
  }

  test::TemporaryDirectory folder_;
  PosixFileSystem files_;
  std::unique_ptr<File> file_;
  std::shared_ptr<const MappedFile> map_;
};

TEST_F(MappedAccessTest, TellsOfAnAccessThatFailed) {
  const MappedAccess access;
  EXPECT_EQ(byte_of_page(0), 'x');
  EXPECT_FALSE(access.failed());
  EXPECT_EQ(byte_of_page(1), static_cast<char>(kLostByte));
  EXPECT_TRUE(access.failed());
  {
    const MappedAccess inner;
    EXPECT_EQ(byte_of_page(0), 'x');
    EXPECT_FALSE(inner.failed());
    EXPECT_NE(byte_of_page(2), 'x');
    EXPECT_TRUE(inner.failed());
  }
  EXPECT_FALSE(MappedAccess().failed());
}

TEST_F(MappedAccessTest, LeavesEveryOtherAccessToTheProgram) {
  {
    const MappedAccess over;
  }
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &no_core);
    _exit(byte_of_page(1));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) << status;
}

}  // namespace
}  // namespace eventstore
