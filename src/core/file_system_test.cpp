// What every FileSystem does alike, run over each of them.
#include "core/file_system.hpp"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "core/file_system_test_support.hpp"
#include "core/memory_file_system.hpp"
#include "core/posix_file_system.hpp"
#include "core/simulated_file_system.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore {
namespace {

using Access = FileSystem::Access;

struct Posix {
  test::TemporaryDirectory directory;
  PosixFileSystem files;
  std::string root = directory.path().string() + "/";
};

struct Memory {
  MemoryFileSystem files;
  std::string root;
};

struct Simulated {
  SimulatedFileSystem files{1};
  std::string root;
};

template <typename T>
class FileSystemContract : public testing::Test {
 protected:
  std::string path(std::string_view name) const { return on_.root + std::string(name); }
  FileSystem& files() { return on_.files; }

 private:
  T on_;
};

using FileSystems = testing::Types<Posix, Memory, Simulated>;
TYPED_TEST_SUITE(FileSystemContract, FileSystems);

TYPED_TEST(FileSystemContract, ReportsAMissingFile) {
  EXPECT_EQ(this->files().open(this->path("a"), Access::Read).error().code, ErrorCode::NotFound);
  EXPECT_EQ(this->files().remove(this->path("a")).error().code, ErrorCode::NotFound);
  EXPECT_EQ(this->files().rename(this->path("a"), this->path("b")).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(this->files().lock(this->path("a")).error().code, ErrorCode::NotFound);
  EXPECT_EQ(this->files().share_page(this->path("a"), Access::Read).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(this->files().list(this->path("a")).error().code, ErrorCode::NotFound);
  EXPECT_EQ(this->files().sync_directory(this->path("a")).error().code, ErrorCode::NotFound);
}

TYPED_TEST(FileSystemContract, NamesTheFileAndTheCallInAnError) {
  const auto missing = this->files().open(this->path("absent"), Access::Read);
  EXPECT_NE(missing.error().message.find("absent: open: No such file"), std::string::npos);
  EXPECT_NE(missing.error().message.find("(errno 2)"), std::string::npos);
}

TYPED_TEST(FileSystemContract, CreatesAFileOnce) {
  ASSERT_TRUE(this->files().create(this->path("a")));
  EXPECT_EQ(this->files().create(this->path("a")).error().code, ErrorCode::Io);
  EXPECT_EQ(this->files().create(this->path("none/a")).error().code, ErrorCode::NotFound);
  EXPECT_EQ(contents_of(this->files(), this->path("a")), "");
}

TYPED_TEST(FileSystemContract, WritesPartsOneAfterTheOther) {
  const auto file = file_with(this->files(), this->path("a"), "");
  std::string expected;
  std::vector<std::span<const std::byte>> parts;
  for (std::size_t i = 0; i < 3000; ++i) {
    const std::string_view part = i % 3 == 0 ? "" : (i % 3 == 1 ? "one" : "three");
    parts.push_back(as_bytes(part));
    expected += part;
  }
  ASSERT_TRUE(file->write(5, parts));
  EXPECT_EQ(contents_of(this->files(), this->path("a")), std::string(5, '\0') + expected);
}

TYPED_TEST(FileSystemContract, WritesNothing) {
  const auto file = file_with(this->files(), this->path("a"), "");
  ASSERT_TRUE(file->write(100, {}));
  ASSERT_TRUE(write_text(*file, 100, ""));
  EXPECT_EQ(*file->size(), 0U);
}

TYPED_TEST(FileSystemContract, ReadsFewerBytesOnlyAtTheEnd) {
  const auto file = file_with(this->files(), this->path("a"), "0123456789");
  EXPECT_EQ(read_text(*file, 3, 4), "3456");
  EXPECT_EQ(read_text(*file, 8, 4), "89");
  EXPECT_EQ(read_text(*file, 10, 4), "");
  EXPECT_EQ(read_text(*file, 1000, 4), "");
}

TYPED_TEST(FileSystemContract, OverwritesInPlace) {
  const auto file = file_with(this->files(), this->path("a"), "0123456789");
  ASSERT_TRUE(write_text(*file, 2, "xy"));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(contents_of(this->files(), this->path("a")), "01xy456789");
}

TYPED_TEST(FileSystemContract, RefusesToWriteAFileOpenForReading) {
  file_with(this->files(), this->path("a"), "0123");
  const auto file = *this->files().open(this->path("a"), Access::Read);
  EXPECT_EQ(write_text(*file, 0, "x").error().code, ErrorCode::Io);
  EXPECT_EQ(contents_of(this->files(), this->path("a")), "0123");
}

TYPED_TEST(FileSystemContract, ShowsLaterWritesThroughAMap) {
  const auto file = file_with(this->files(), this->path("a"), "0123456789");
  const auto map = *file->map(8);
  ASSERT_EQ(as_chars(map->bytes()), "01234567");
  ASSERT_TRUE(write_text(*file, 6, "xyz"));
  EXPECT_EQ(as_chars(map->bytes()), "012345xy");
}

TYPED_TEST(FileSystemContract, KeepsAMapInStepWhileTheFileGrows) {
  const auto file = file_with(this->files(), this->path("a"), "0123456789");
  const auto map = *file->map(10);
  for (std::uint64_t size = 100; size < 10'000'000; size *= 10) {
    ASSERT_TRUE(write_text(*file, size, "more"));
  }
  ASSERT_TRUE(write_text(*file, 6, "xyz"));
  EXPECT_EQ(as_chars(map->bytes()), "012345xyz9");
  const auto longer = *file->map(104);
  EXPECT_EQ(as_chars(longer->bytes().subspan(96)), std::string(4, '\0') + "more");
}

TYPED_TEST(FileSystemContract, KeepsAMapAfterTheFileIsClosedAndRemoved) {
  auto file = file_with(this->files(), this->path("a"), "0123456789");
  const auto map = *file->map(10);
  file.reset();
  ASSERT_TRUE(this->files().remove(this->path("a")));
  EXPECT_EQ(as_chars(map->bytes()), "0123456789");
}

TYPED_TEST(FileSystemContract, MapsNoMoreThanTheFileHas) {
  const auto file = file_with(this->files(), this->path("a"), "0123456789");
  EXPECT_EQ(file->map(11).error().code, ErrorCode::Io);
  EXPECT_TRUE((*file->map(0))->bytes().empty());
}

TYPED_TEST(FileSystemContract, ReplacesTheTargetOfARename) {
  const auto old = file_with(this->files(), this->path("a"), "old");
  const auto young = file_with(this->files(), this->path("b"), "new");
  ASSERT_TRUE(this->files().rename(this->path("b"), this->path("a")));
  EXPECT_EQ(contents_of(this->files(), this->path("a")), "new");
  EXPECT_FALSE(*this->files().exists(this->path("b")));
  EXPECT_EQ(read_text(*old, 0, 10), "old");
  ASSERT_TRUE(write_text(*young, 3, "er"));
  EXPECT_EQ(contents_of(this->files(), this->path("a")), "newer");
}

TYPED_TEST(FileSystemContract, RenamesAFileToItself) {
  file_with(this->files(), this->path("a"), "same");
  ASSERT_TRUE(this->files().rename(this->path("a"), this->path("a")));
  EXPECT_EQ(contents_of(this->files(), this->path("a")), "same");
}

TYPED_TEST(FileSystemContract, KeepsARemovedFileWhileItIsOpen) {
  const auto file = file_with(this->files(), this->path("a"), "0123");
  ASSERT_TRUE(this->files().remove(this->path("a")));
  EXPECT_FALSE(*this->files().exists(this->path("a")));
  ASSERT_TRUE(write_text(*file, 4, "45"));
  EXPECT_EQ(read_text(*file, 0, 10), "012345");
  EXPECT_TRUE(this->files().create(this->path("a")));
}

TYPED_TEST(FileSystemContract, ListsNamesSorted) {
  ASSERT_TRUE(this->files().create_directory(this->path("d")));
  ASSERT_TRUE(this->files().create_directory(this->path("d/inner")));
  for (const auto* name : {"d/b", "d/c", "d/a", "d/inner/x", "e"}) {
    ASSERT_TRUE(this->files().create(this->path(name)));
  }
  const std::vector<std::string> expected = {"a", "b", "c", "inner"};
  EXPECT_EQ(*this->files().list(this->path("d")), expected);
  EXPECT_EQ(*this->files().list(this->path("d/")), expected);
  EXPECT_EQ(*this->files().list(this->path("")), (std::vector<std::string>{"d", "e"}));
}

TYPED_TEST(FileSystemContract, CreatesADirectoryThatIsThereAlready) {
  ASSERT_TRUE(this->files().create_directory(this->path("d")));
  EXPECT_TRUE(this->files().create_directory(this->path("d")));
  EXPECT_TRUE(*this->files().exists(this->path("d")));
  EXPECT_TRUE(this->files().sync_directory(this->path("d")));
}

TYPED_TEST(FileSystemContract, RefusesADirectoryInTheWayOrWithoutParent) {
  file_with(this->files(), this->path("a"), "");
  EXPECT_EQ(this->files().create_directory(this->path("a")).error().code, ErrorCode::Io);
  EXPECT_EQ(this->files().create_directory(this->path("x/y")).error().code, ErrorCode::NotFound);
}

TYPED_TEST(FileSystemContract, LocksAFileOnce) {
  file_with(this->files(), this->path("a"), "");
  auto lock = this->files().lock(this->path("a"));
  ASSERT_TRUE(lock);
  EXPECT_EQ(this->files().lock(this->path("a")).error().code, ErrorCode::StoreLocked);
  lock->reset();
  EXPECT_TRUE(this->files().lock(this->path("a")));
}

TYPED_TEST(FileSystemContract, SharesAPageWithOtherPagesAndTheFile) {
  const auto file = file_with(this->files(), this->path("a"), std::string(4096, '\0'));
  const auto writer = *this->files().share_page(this->path("a"), Access::ReadWrite);
  const auto reader = *this->files().share_page(this->path("a"), Access::Read);
  const std::atomic_ref stored(writer->words()[7]);
  stored.store(0x3736353433323130);
  EXPECT_EQ(reader->words()[7], 0x3736353433323130U);
  EXPECT_EQ(read_text(*file, 56, 8), "01234567");
}

TYPED_TEST(FileSystemContract, SharesNoPageThatTheFileHasNot) {
  file_with(this->files(), this->path("a"), std::string(4095, '\0'));
  EXPECT_EQ(this->files().share_page(this->path("a"), Access::Read).error().code, ErrorCode::Io);
}

TYPED_TEST(FileSystemContract, DoesNotWaitWhereTheWordHasChanged) {
  file_with(this->files(), this->path("a"), std::string(4096, '\0'));
  const auto page = *this->files().share_page(this->path("a"), Access::Read);
  page->wait(1, std::chrono::hours(1));
  page->wait(0, std::chrono::microseconds(1));
  page->wait(0, std::chrono::microseconds(-1));
  page->wake_all();
}

TYPED_TEST(FileSystemContract, KeepsItsBootId) {
  EXPECT_FALSE(this->files().boot_id().is_nil());
  EXPECT_EQ(this->files().boot_id(), this->files().boot_id());
}

// Those that are for more than one thread.
template <typename T>
class FileSystemThreads : public FileSystemContract<T> {};
using ThreadedFileSystems = testing::Types<Posix, Memory>;
TYPED_TEST_SUITE(FileSystemThreads, ThreadedFileSystems);

TYPED_TEST(FileSystemThreads, WakesAWaiterOnAPageForReading) {
  file_with(this->files(), this->path("a"), std::string(4096, '\0'));
  const auto writer = *this->files().share_page(this->path("a"), Access::ReadWrite);
  const auto reader = *this->files().share_page(this->path("a"), Access::Read);
  const std::jthread waiter([&] {
    const std::atomic_ref word(reader->words()[0]);
    while (word.load() == 0) reader->wait(0, std::chrono::hours(1));
  });
  const std::atomic_ref word(writer->words()[0]);
  word.store(1);
  writer->wake_all();
}

TYPED_TEST(FileSystemThreads, ReadsWhatIsPublishedWhileTheFileGrows) {
  const auto file = file_with(this->files(), this->path("a"), "");
  constexpr std::uint64_t kRecords = 3000;
  std::atomic<std::uint64_t> published = 0;
  const std::jthread reader([&] {
    for (std::uint64_t seen = 0; seen < kRecords; seen = published.load()) {
      const std::uint64_t now = published.load();
      const auto map = *file->map(now * 100);
      for (std::uint64_t i = seen; i < now; ++i) {
        ASSERT_EQ(map->bytes()[i * 100 + 50], std::byte{'r'});
        ASSERT_EQ(read_text(*file, i * 100, 3), "rrr");
      }
    }
  });
  const std::string record(100, 'r');
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    ASSERT_TRUE(write_text(*file, i * 100, record));
    published.store(i + 1);
  }
}

}  // namespace
}  // namespace eventstore
