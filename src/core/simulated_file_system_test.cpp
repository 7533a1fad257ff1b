#include "core/simulated_file_system.hpp"

#include <atomic>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/file_system_test_support.hpp"
#include "core/simulated_clock.hpp"

namespace eventstore {
namespace {

using Access = FileSystem::Access;
using Call = SimulatedFileSystem::Call;
using Crash = SimulatedFileSystem::Crash;

constexpr std::uint64_t kSeeds = 1000;

// Seven mutating calls, each followed by a look at what is there.
std::vector<bool> run_script(SimulatedFileSystem& files) {
  std::vector<bool> done;
  done.push_back(files.create_directory("d").has_value());
  const auto file = files.create("d/a");
  done.push_back(file.has_value());
  done.push_back(file && write_text(**file, 0, "0123456789"));
  done.push_back(file && (*file)->sync());
  done.push_back(files.rename("d/a", "d/b").has_value());
  done.push_back(files.sync_directory("d").has_value());
  done.push_back(files.remove("d/b").has_value());
  return done;
}

TEST(SimulatedFileSystem, CrashesAtTheCallThatItIsToldTo) {
  for (std::uint64_t n = 1; n <= 8; ++n) {
    SimulatedFileSystem files(n);
    files.crash_after(n);
    const std::vector<bool> done = run_script(files);
    for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i], i + 1 < n) << n << ", " << i;
    EXPECT_EQ(files.crashed(), n <= 7);
    EXPECT_EQ(files.exists("d").has_value(), n > 7);
  }
}

TEST(SimulatedFileSystem, SaysThatItCrashed) {
  SimulatedFileSystem files(1);
  files.crash_after(1);
  const auto created = files.create("a");
  EXPECT_EQ(created.error().code, ErrorCode::Io);
  EXPECT_EQ(created.error().message, "a: open: simulated crash");
}

TEST(SimulatedFileSystem, ChangesNothingAfterACrash) {
  SimulatedFileSystem files(1);
  const auto file = file_with(files, "a", "before");
  files.crash_after(1);
  ASSERT_FALSE(files.create("b"));
  ASSERT_FALSE(write_text(*file, 0, "after!"));
  ASSERT_FALSE(file->sync());
  ASSERT_FALSE(files.remove("a"));
  files.restart(Crash::ProcessKill);
  EXPECT_FALSE(files.crashed());
  EXPECT_EQ(*files.list(""), (std::vector<std::string>{"a"}));
  EXPECT_EQ(contents_of(files, "a"), "before");
}

TEST(SimulatedFileSystem, CrashesInTheMiddleOfAWrite) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    const auto file = file_with(files, "a", "");
    files.crash_after(1);
    ASSERT_FALSE(write_text(*file, 0, "0123"));
    files.restart(Crash::ProcessKill);
    seen.insert(contents_of(files, "a"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "0", "01", "012"}));
}

TEST(SimulatedFileSystem, KeepsThePageCacheWhenOnlyTheProcessEnds) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedFileSystem files(seed);
    const Uuid boot_id = files.boot_id();
    file_with(files, "a", "not synced");
    files.restart(Crash::ProcessKill);
    EXPECT_EQ(files.boot_id(), boot_id);
    EXPECT_EQ(contents_of(files, "a"), "not synced");
  }
}

TEST(SimulatedFileSystem, MayStillLoseWhatAKilledProcessLeftUnsynced) {
  std::set<bool> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedFileSystem files(seed);
    file_with(files, "a", "not synced");
    files.restart(Crash::ProcessKill);
    files.restart(Crash::PowerLoss);
    seen.insert(files.disk().exists("a"));
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST(SimulatedFileSystem, HasAnotherBootIdAfterLossOfPower) {
  SimulatedFileSystem files(1);
  const Uuid boot_id = files.boot_id();
  files.restart(Crash::PowerLoss);
  EXPECT_NE(files.boot_id(), boot_id);
}

TEST(SimulatedFileSystem, LetsGoOfLocksAtARestart) {
  SimulatedFileSystem files(1);
  file_with(files, "a", "");
  auto dead = files.lock("a");
  ASSERT_TRUE(dead);
  files.restart(Crash::ProcessKill);
  const auto lock = files.lock("a");
  ASSERT_TRUE(lock);
  dead->reset();  // belongs to the process that is no more
  EXPECT_EQ(files.lock("a").error().code, ErrorCode::StoreLocked);
}

TEST(SimulatedFileSystem, AnswersADeadProcessNoMore) {
  SimulatedFileSystem files(1);
  const auto file = file_with(files, "a", "before");
  files.restart(Crash::ProcessKill);
  EXPECT_FALSE(write_text(*file, 0, "after!"));
  EXPECT_FALSE(file->size());
  EXPECT_EQ(contents_of(files, "a"), "before");
}

void store(const SharedPage& page, std::uint64_t value) {
  const std::atomic_ref word(page.words()[1]);
  word.store(value);
}

std::uint64_t stored_in(SimulatedFileSystem& files, const std::string& path) {
  return load_le<std::uint64_t>(files.disk().contents(path).data() + 8);
}

// The file of a page, durable and zero.
void make_page_file(SimulatedFileSystem& files) {
  files.disk().put("HEAD", std::vector<std::byte>(SharedPage::kBytes));
}

TEST(SimulatedFileSystem, KeepsStoresThroughAPageWhenTheProcessEnds) {
  SimulatedFileSystem files(1);
  make_page_file(files);
  const auto page = *files.share_page("HEAD", Access::ReadWrite);
  store(*page, 7);
  files.restart(Crash::ProcessKill);
  EXPECT_EQ(stored_in(files, "HEAD"), 7U);
  store(*page, 8);  // by a process that is no more
  EXPECT_EQ(stored_in(files, "HEAD"), 7U);
}

TEST(SimulatedFileSystem, IgnoresStoresThroughAPageAfterACrash) {
  SimulatedFileSystem files(1);
  make_page_file(files);
  const auto page = *files.share_page("HEAD", Access::ReadWrite);
  store(*page, 7);
  files.crash_after(1);
  ASSERT_FALSE(files.create("a"));
  store(*page, 8);
  page->wake_all();
  files.restart(Crash::ProcessKill);
  EXPECT_EQ(stored_in(files, "HEAD"), 7U);
}

TEST(SimulatedFileSystem, MayLoseStoresThroughAPageWithPower) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    make_page_file(files);
    const auto page = *files.share_page("HEAD", Access::ReadWrite);
    store(*page, 7);
    page->wake_all();
    store(*page, 8);
    files.restart(Crash::PowerLoss);
    seen.insert(stored_in(files, "HEAD"));
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 7, 8}));
}

TEST(SimulatedFileSystem, KeepsStoresThroughAPageThatWereSynced) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedFileSystem files(seed);
    make_page_file(files);
    const auto page = *files.share_page("HEAD", Access::ReadWrite);
    store(*page, 7);
    ASSERT_TRUE((*files.open("HEAD", Access::ReadWrite))->sync());
    files.restart(Crash::PowerLoss);
    ASSERT_EQ(stored_in(files, "HEAD"), 7U);
  }
}

TEST(SimulatedFileSystem, FailsTheCallThatItIsToldTo) {
  for (std::uint64_t n = 1; n <= 8; ++n) {
    SimulatedFileSystem files(n);
    files.inject({.nth = n, .error_number = ENOSPC});
    run_script(files);
    EXPECT_EQ(files.faults_hit(), n <= 7 ? 1U : 0U) << n;
  }
}

TEST(SimulatedFileSystem, FailsOnceOrForEver) {
  for (const bool forever : {false, true}) {
    SimulatedFileSystem files(1);
    const auto file = file_with(files, "a", "");
    files.inject({.call = Call::Write, .nth = 2, .error_number = EDQUOT, .forever = forever});
    EXPECT_TRUE(file->sync());
    EXPECT_TRUE(write_text(*file, 0, "one"));
    EXPECT_EQ(write_text(*file, 3, "two").error().code, ErrorCode::NoSpace);
    EXPECT_EQ(write_text(*file, 3, "two").has_value(), !forever);
    EXPECT_TRUE(file->sync());
    files.clear_faults();
    EXPECT_TRUE(write_text(*file, 3, "two"));
    EXPECT_EQ(contents_of(files, "a"), "onetwo");
  }
}

TEST(SimulatedFileSystem, MayWriteAPartBeforeTheDiskIsFull) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    const auto file = file_with(files, "a", "");
    files.inject({.call = Call::Write, .error_number = ENOSPC});
    EXPECT_EQ(write_text(*file, 0, "0123").error().message,
              "a: pwritev: No space left on device (errno 28)");
    seen.insert(contents_of(files, "a"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "0", "01", "012"}));
}

// As measured on Linux: the cache shows the new bytes, the next sync answers well, the disk has the
// old ones.
TEST(SimulatedFileSystem, NeverMakesUpForASyncThatFailed) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    files.disk().put("a", as_bytes(std::string(1024, 'o')));
    const auto file = *files.open("a", Access::ReadWrite);
    ASSERT_TRUE(write_text(*file, 0, std::string(1024, 'n')));
    files.inject({.call = Call::Sync});
    ASSERT_EQ(file->sync().error().code, ErrorCode::Io);
    ASSERT_TRUE(write_text(*file, 1024, std::string(512, 'm')));
    ASSERT_TRUE(file->sync());
    ASSERT_EQ(contents_of(files, "a"), std::string(1024, 'n') + std::string(512, 'm'));
    files.restart(Crash::PowerLoss);
    const std::string after = contents_of(files, "a");
    ASSERT_EQ(after.substr(1024), std::string(512, 'm'));
    seen.insert(after.substr(0, 1024));
  }
  const std::string old(512, 'o');
  const std::string young(512, 'n');
  EXPECT_EQ(seen, (std::set<std::string>{old + old, old + young, young + old, young + young}));
}

TEST(SimulatedFileSystem, CountsCalls) {
  SimulatedFileSystem files(1);
  run_script(files);
  EXPECT_EQ(files.mutating_calls(), 7U);
  EXPECT_EQ(files.calls(Call::Write), 1U);
  EXPECT_EQ(files.calls(Call::Sync), 1U);
  EXPECT_EQ(files.calls(Call::Open), 0U);
}

TEST(SimulatedFileSystem, RefusesARenameIntoAnotherDirectory) {
  SimulatedFileSystem files(1);
  ASSERT_TRUE(files.create_directory("d"));
  file_with(files, "a", "");
  EXPECT_EQ(files.rename("a", "d/a").error().code, ErrorCode::Io);
  EXPECT_TRUE(*files.exists("a"));
}

// Everything that a seed decides, in one number.
std::uint64_t fingerprint_of(std::uint64_t seed) {
  SimulatedFileSystem files(seed);
  SeededRandom random(seed + 1);
  for (int process = 0; process < 5; ++process) {
    files.crash_after(1 + random.below(20));
    auto file = files.create("f" + std::to_string(process));
    while (file && !files.crashed()) {
      const std::string text(random.below(2000), static_cast<char>('a' + process));
      if (write_text(**file, random.below(3000), text) && random.chance(1, 3))
        (void)(*file)->sync();
      if (random.chance(1, 3)) (void)files.sync_directory("");
    }
    files.restart(random.chance(1, 2) ? Crash::PowerLoss : Crash::ProcessKill);
  }
  std::uint32_t contents = 0;
  for (const std::string& path : files.disk().files()) {
    contents = crc32c(files.disk().contents(path), contents);
  }
  return mix_bits(files.trace_hash() + contents);
}

TEST(SimulatedFileSystem, DoesTheSameForTheSameSeed) {
  std::set<std::uint64_t> fingerprints;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::uint64_t fingerprint = fingerprint_of(seed);
    EXPECT_EQ(fingerprint_of(seed), fingerprint) << seed;
    fingerprints.insert(fingerprint);
  }
  EXPECT_EQ(fingerprints.size(), 200U);
}

TEST(SimulatedClock, MovesOnByATickAtEachLook) {
  SimulatedClock clock({.tick = std::chrono::microseconds(5)});
  const auto wall = clock.wall_now();
  const auto monotonic = clock.monotonic_now();
  EXPECT_EQ(clock.wall_now() - wall, std::chrono::microseconds(10));
  clock.advance(std::chrono::seconds(1));
  EXPECT_GT(clock.monotonic_now() - monotonic, std::chrono::seconds(1));
}

TEST(SimulatedClock, LetsTheWallClockGoBackAlone) {
  SimulatedClock clock;
  const auto monotonic = clock.monotonic_now();
  clock.set_wall(Timestamp{});
  EXPECT_LT(clock.wall_now(), Timestamp(std::chrono::seconds(1)));
  EXPECT_GT(clock.monotonic_now(), monotonic);
}

TEST(SeededRandom, GivesTheSameForTheSameSeed) {
  SeededRandom one(42);
  SeededRandom two(42);
  SeededRandom other(43);
  EXPECT_EQ(one.next(), two.next());
  EXPECT_NE(one.next(), other.next());
  std::array<std::byte, 19> first{};
  std::array<std::byte, 19> second{};
  two.next();
  one.fill(first);
  two.fill(second);
  EXPECT_EQ(first, second);
  for (int i = 0; i < 100; ++i) EXPECT_LT(one.below(7), 7U);
}

}  // namespace
}  // namespace eventstore
