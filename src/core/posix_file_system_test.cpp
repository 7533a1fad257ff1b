#include "core/posix_file_system.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file_system_test_support.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore {
namespace {

using Access = FileSystem::Access;

// Runs `work` in a child process and returns what it returned, or 255 where a signal ended it.
template <typename Work>
int in_child(Work work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(PosixFileSystem, ReportsAFullDisk) {
  PosixFileSystem files;
  const auto file = files.open("/dev/full", Access::ReadWrite);
  ASSERT_TRUE(file);
  const auto written = write_text(**file, 0, "x");
  EXPECT_EQ(written.error().code, ErrorCode::NoSpace);
  EXPECT_EQ(written.error().message, "/dev/full: pwritev: No space left on device (errno 28)");
}

TEST(PosixFileSystem, SurvivesTheFileSizeLimit) {
  const test::TemporaryDirectory directory;
  PosixFileSystem files;
  const auto file = file_with(files, directory.path().string() + "/a", "");
  const int answer = in_child([&] {
    const rlimit limit{.rlim_cur = 1000, .rlim_max = 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto written = write_text(*file, 0, std::string(2000, 'x'));
    if (written || written.error().code != ErrorCode::NoSpace) return 2;
    if (write_text(*file, 5000, "x")) return 3;
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGXFSZ) != 0) return 4;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, SIGXFSZ) != 0 ? 5 : 0;
  });
  EXPECT_EQ(answer, 0);
  EXPECT_EQ(*file->size(), 1000U);
}

TEST(PosixFileSystem, LocksAgainstOtherProcesses) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path().string() + "/LOCK";
  PosixFileSystem files;
  file_with(files, path, "");
  // Whether a process that has the lock already keeps this one from it.
  const auto try_to_lock = [&] {
    const auto lock = files.lock(path);
    if (lock) return 0;
    return lock.error().code == ErrorCode::StoreLocked ? 1 : 2;
  };

  int ready[2];   // NOLINT(modernize-avoid-c-arrays): as pipe wants it
  int finish[2];  // NOLINT(modernize-avoid-c-arrays)
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(finish), 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const auto lock = files.lock(path);
    char byte = lock ? 1 : 0;
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    close(finish[1]);
    _exit(read(finish[0], &byte, 1) == 0 ? 0 : 1);  // without giving the lock back
  }
  char locked = 0;
  ASSERT_EQ(read(ready[0], &locked, 1), 1);
  EXPECT_EQ(locked, 1);
  EXPECT_EQ(try_to_lock(), 1);
  close(finish[1]);
  ASSERT_EQ(waitpid(holder, nullptr, 0), holder);
  EXPECT_EQ(try_to_lock(), 0);
  for (const int end : {ready[0], ready[1], finish[0]}) close(end);
}

TEST(PosixFileSystem, KeepsItsLockWhenAForkedChildEnds) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path().string() + "/LOCK";
  PosixFileSystem files;
  file_with(files, path, "");
  auto lock = files.lock(path);
  ASSERT_TRUE(lock);
  const auto child_drops_the_lock_and_tries_again = [&] {
    lock->reset();
    return files.lock(path) ? 0 : 1;
  };
  EXPECT_EQ(in_child(child_drops_the_lock_and_tries_again), 1);
}

TEST(PosixFileSystem, SeesOneFileUnderTwoNamesWhenLocking) {
  const test::TemporaryDirectory directory;
  PosixFileSystem files;
  file_with(files, directory.path().string() + "/a", "");
  ASSERT_EQ(
      link((directory.path().string() + "/a").c_str(), (directory.path().string() + "/b").c_str()),
      0);
  const auto lock = files.lock(directory.path().string() + "/a");
  const auto other = files.lock(directory.path().string() + "/b");
  EXPECT_EQ(other.error().code, ErrorCode::StoreLocked);
}

TEST(PosixFileSystem, WakesAnotherProcess) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path().string() + "/HEAD";
  PosixFileSystem files;
  file_with(files, path, std::string(SharedPage::kBytes, '\0'));
  const auto writer = *files.share_page(path, Access::ReadWrite);

  const pid_t waiter = fork();
  if (waiter == 0) {
    alarm(20);  // ends the child if it is never woken
    const auto reader = *files.share_page(path, Access::Read);
    const std::atomic_ref word(reader->words()[0]);
    while (word.load() == 0) reader->wait(0, std::chrono::hours(1));
    _exit(0);
  }
  const std::atomic_ref word(writer->words()[0]);
  word.store(1);
  writer->wake_all();
  int status = 0;
  ASSERT_EQ(waitpid(waiter, &status, 0), waiter);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(PosixFileSystem, HasTheBootIdOfTheKernel) {
  PosixFileSystem one;
  PosixFileSystem two;
  if (!*one.exists("/proc/sys/kernel/random/boot_id")) GTEST_SKIP() << "no /proc here";
  EXPECT_EQ(one.boot_id(), two.boot_id());
}

}  // namespace
}  // namespace eventstore
