// What a simulated disk may look like after loss of power: every outcome that is allowed occurs,
// and no other.
#include "core/simulated_disk.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/file_system_test_support.hpp"
#include "core/simulated_file_system.hpp"

namespace eventstore {
namespace {

using Access = FileSystem::Access;
using Crash = SimulatedFileSystem::Crash;

constexpr std::uint64_t kSeeds = 1000;
constexpr std::size_t kSector = internal::kSectorBytes;

std::string text_of(SimulatedFileSystem& files, const std::string& path) {
  if (!files.disk().exists(path)) return "(absent)";
  return std::string(as_chars(files.disk().contents(path)));
}

// A file with `text` in it, name and bytes synced.
std::unique_ptr<File> durable_file(FileSystem& files, const std::string& path,
                                   std::string_view text) {
  auto file = file_with(files, path, text);
  CHECK(file->sync().has_value());
  CHECK(files.sync_directory("").has_value());
  return file;
}

// What `prepare` leaves of the file "a" after loss of power, for each seed.
std::vector<std::string> outcomes_of(const std::function<void(SimulatedFileSystem&)>& prepare) {
  std::vector<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    prepare(files);
    files.restart(Crash::PowerLoss);
    outcomes.push_back(text_of(files, "a"));
  }
  return outcomes;
}

std::set<std::string> distinct(const std::vector<std::string>& outcomes) {
  return {outcomes.begin(), outcomes.end()};
}

// Four durable sectors of 'a'; then, not synced, the middle two become 'b' and two of 'c' follow.
constexpr std::size_t kOldSize = 4 * kSector;
constexpr std::size_t kNewSize = 6 * kSector;

void overwrite_and_append(SimulatedFileSystem& files) {
  const auto file = durable_file(files, "a", std::string(kOldSize, 'a'));
  CHECK(write_text(*file, kSector, std::string(2 * kSector, 'b')).has_value());
  CHECK(write_text(*file, kOldSize, std::string(2 * kSector, 'c')).has_value());
}

std::string sector_of(const std::string& text, std::size_t number) {
  return text.substr(std::min(text.size(), number * kSector), kSector);
}

bool is_all(const std::string& text, char c) {
  return text.size() == kSector && text.find_first_not_of(c) == std::string::npos;
}

// Some of the newer bytes, then the rest of the older: how a sector tears.
bool is_torn(const std::string& sector, char newer, char older) {
  const std::size_t cut = sector.find_first_not_of(newer);
  return sector.size() == kSector && cut != 0 && cut != std::string::npos &&
         sector.find_first_not_of(older, cut) == std::string::npos;
}

// Each kind of outcome, by what it looks like.
struct Outcome {
  const char* name;
  std::function<bool(const std::string&)> is;
};

std::vector<Outcome> outcomes_allowed() {
  const auto all = [](const std::string& text, std::size_t sector, char c) {
    return is_all(sector_of(text, sector), c);
  };
  const auto overwritten = [all](const std::string& text) {
    return all(text, 1, 'b') && all(text, 2, 'b');
  };
  const auto appended = [all](const std::string& text) {
    return all(text, 4, 'c') && all(text, 5, 'c');
  };
  const auto garbage = [](const std::string& text) {
    const std::string first = sector_of(text, 4);
    return text.size() == kNewSize && !is_all(first, 'c') && !is_all(first, '\0') &&
           !is_torn(first, 'c', '\0');
  };
  return {
      {"all lost", [](auto& text) { return text == std::string(kOldSize, 'a'); }},
      {"all kept", [=](auto& text) { return overwritten(text) && appended(text); }},
      {"a prefix of the writes",
       [=](auto& text) { return overwritten(text) && text.size() == kOldSize; }},
      {"a later write alone",
       [=](auto& text) { return all(text, 1, 'a') && all(text, 2, 'a') && appended(text); }},
      {"the first sector of a write",
       [=](auto& text) { return all(text, 1, 'b') && all(text, 2, 'a'); }},
      {"the second sector of a write",
       [=](auto& text) { return all(text, 1, 'a') && all(text, 2, 'b'); }},
      {"a torn overwrite", [](auto& text) { return is_torn(sector_of(text, 1), 'b', 'a'); }},
      {"a torn append", [](auto& text) { return is_torn(sector_of(text, 4), 'c', '\0'); }},
      {"zeros in the grown part",
       [=](auto& text) { return all(text, 4, '\0') && all(text, 5, '\0'); }},
      {"garbage in the grown part", garbage},
  };
}

TEST(SimulatedPowerLoss, LeavesEveryOutcomeThatIsAllowed) {
  const std::vector<std::string> texts = outcomes_of(overwrite_and_append);
  for (const Outcome& outcome : outcomes_allowed()) {
    EXPECT_GT(std::ranges::count_if(texts, outcome.is), 2) << outcome.name;
  }
}

TEST(SimulatedPowerLoss, LeavesNothingElse) {
  for (const std::string& text : outcomes_of(overwrite_and_append)) {
    ASSERT_GE(text.size(), kOldSize);
    ASSERT_LE(text.size(), kNewSize);
    ASSERT_TRUE(is_all(sector_of(text, 0), 'a') && is_all(sector_of(text, 3), 'a'));
    for (const std::size_t number : {1U, 2U}) {
      const std::string sector = sector_of(text, number);
      ASSERT_TRUE(is_all(sector, 'a') || is_all(sector, 'b') || is_torn(sector, 'b', 'a'));
    }
  }
}

TEST(SimulatedPowerLoss, ShowsTheBytesOfRemovedFilesWhereAFileGrew) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    durable_file(files, "gone", std::string(4 * kSector, 'S'));
    ASSERT_TRUE(files.remove("gone"));
    overwrite_and_append(files);
  });
  const auto shows_old_bytes = [](const std::string& text) {
    return is_all(sector_of(text, 4), 'S') || is_all(sector_of(text, 5), 'S');
  };
  EXPECT_GT(std::ranges::count_if(outcomes, shows_old_bytes), 2);
}

TEST(SimulatedPowerLoss, MayKeepAnOlderVersionOfASector) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    const auto file = durable_file(files, "a", std::string(kSector, '0'));
    for (const char c : {'1', '2', '3'}) {
      ASSERT_TRUE(write_text(*file, 0, std::string(kSector, c)));
    }
  });
  for (const char c : {'0', '1', '2', '3'}) {
    EXPECT_TRUE(distinct(outcomes).contains(std::string(kSector, c))) << c;
  }
}

// Writes of any size at any place, some synced: each byte that was ever durable has a value that it
// had at its last sync or since.
TEST(SimulatedPowerLoss, NeverLosesWhatWasSynced) {
  const auto bit_of = [](char c) { return c == '\0' ? 1U : 2U << (c - 'a'); };
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    SeededRandom random(seed);
    const auto file = durable_file(files, "a", "");
    std::string now;
    std::vector<std::uint32_t> allowed;  // by byte: a bit for each letter; bit 0 for a hole
    std::size_t durable = 0;
    for (int step = 0; step < 20; ++step) {
      if (random.chance(1, 4)) {
        ASSERT_TRUE(file->sync());
        durable = now.size();
        for (std::size_t i = 0; i < durable; ++i) allowed[i] = bit_of(now[i]);
        continue;
      }
      const std::size_t offset = random.below(now.size() + 100);
      const std::string text(1 + random.below(1500), static_cast<char>('a' + step));
      ASSERT_TRUE(write_text(*file, offset, text));
      now.resize(std::max(now.size(), offset + text.size()));
      now.replace(offset, text.size(), text);
      allowed.resize(now.size(), 1U);
      for (std::size_t i = offset; i < offset + text.size(); ++i) allowed[i] |= bit_of(now[i]);
    }
    files.restart(Crash::PowerLoss);
    const std::string after = text_of(files, "a");
    ASSERT_GE(after.size(), durable);
    ASSERT_LE(after.size(), now.size());
    for (std::size_t i = 0; i < durable; ++i) {
      ASSERT_NE(allowed[i] & bit_of(after[i]), 0U) << "seed " << seed << ", byte " << i;
    }
  }
}

TEST(SimulatedPowerLoss, LeavesADurableStateThatTheNextOneKeeps) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedFileSystem files(seed);
    overwrite_and_append(files);
    files.restart(Crash::PowerLoss);
    const std::string after = text_of(files, "a");
    files.restart(Crash::PowerLoss);
    ASSERT_EQ(text_of(files, "a"), after);
  }
}

TEST(SimulatedPowerLoss, MayLoseANameWhoseFileWasSynced) {
  const auto outcomes = outcomes_of(
      [](SimulatedFileSystem& files) { ASSERT_TRUE(file_with(files, "a", "synced")->sync()); });
  EXPECT_EQ(distinct(outcomes), (std::set<std::string>{"(absent)", "synced"}));
}

TEST(SimulatedPowerLoss, KeepsASyncedNameButNotTheBytes) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    file_with(files, "a", std::string(kSector, 'x'));
    ASSERT_TRUE(files.sync_directory(""));
  });
  const auto texts = distinct(outcomes);
  EXPECT_FALSE(texts.contains("(absent)"));
  EXPECT_TRUE(texts.contains(""));
  EXPECT_TRUE(texts.contains(std::string(kSector, 'x')));
}

TEST(SimulatedPowerLoss, ShowsARenameOrNot) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    durable_file(files, "a", "old");
    durable_file(files, "b", "new");
    ASSERT_TRUE(files.rename("b", "a"));
  });
  EXPECT_EQ(distinct(outcomes), (std::set<std::string>{"old", "new"}));
}

TEST(SimulatedPowerLoss, ShowsARenameWithoutTheBytesThatWereNotSynced) {
  const auto texts = distinct(outcomes_of([](SimulatedFileSystem& files) {
    durable_file(files, "a", "old");
    file_with(files, "b", "new");
    ASSERT_TRUE(files.rename("b", "a"));
  }));
  EXPECT_TRUE(texts.contains("old"));
  EXPECT_TRUE(texts.contains("new"));
  EXPECT_TRUE(texts.contains(""));
}

TEST(SimulatedPowerLoss, MayBringARemovedFileBack) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    durable_file(files, "a", "old");
    ASSERT_TRUE(files.remove("a"));
  });
  EXPECT_EQ(distinct(outcomes), (std::set<std::string>{"(absent)", "old"}));
}

TEST(SimulatedPowerLoss, KeepsSyncedRenamesAndRemovals) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    durable_file(files, "a", "old");
    durable_file(files, "b", "new");
    durable_file(files, "c", "gone");
    ASSERT_TRUE(files.rename("b", "a"));
    ASSERT_TRUE(files.remove("c"));
    ASSERT_TRUE(files.sync_directory(""));
    CHECK(!*files.exists("b") && !*files.exists("c"));
  });
  EXPECT_EQ(distinct(outcomes), (std::set<std::string>{"new"}));
}

// One of: none, one, the other, both.
TEST(SimulatedPowerLoss, KeepsNamesOfOneDirectoryInAnyCombination) {
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    file_with(files, "a", "");
    file_with(files, "b", "");
    files.restart(Crash::PowerLoss);
    seen.insert(*files.list(""));
  }
  EXPECT_EQ(seen, (std::set<std::vector<std::string>>{{}, {"a"}, {"b"}, {"a", "b"}}));
}

TEST(SimulatedPowerLoss, KeepsTheOrderOfChangesOfOneName) {
  const auto outcomes = outcomes_of([](SimulatedFileSystem& files) {
    durable_file(files, "a", "first");
    ASSERT_TRUE(files.rename("a", "kept"));
    ASSERT_TRUE(file_with(files, "a", "second")->sync());
  });
  EXPECT_EQ(distinct(outcomes), (std::set<std::string>{"first", "(absent)", "second"}));
}

TEST(SimulatedPowerLoss, LosesADirectoryWithAllThatIsInIt) {
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem files(seed);
    ASSERT_TRUE(files.create_directory("d"));
    ASSERT_TRUE(files.create_directory("d/e"));
    ASSERT_TRUE(file_with(files, "d/e/a", "x")->sync());
    ASSERT_TRUE(files.sync_directory("d/e"));
    ASSERT_TRUE(files.sync_directory("d"));
    files.restart(Crash::PowerLoss);
    seen.insert(files.disk().files());
  }
  EXPECT_EQ(seen, (std::set<std::vector<std::string>>{{}, {"d/e/a"}}));
}

TEST(SimulatedDisk, IsAValue) {
  SimulatedFileSystem files(1);
  const auto file = durable_file(files, "a", "before");
  ASSERT_TRUE(write_text(*file, 0, "after!"));
  const SimulatedDisk snapshot = files.disk();
  ASSERT_TRUE(write_text(*file, 0, "later!"));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files.remove("a"));
  EXPECT_EQ(as_chars(snapshot.contents("a")), "after!");

  // What was not synced is not durable in the copy either.
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedFileSystem other(seed, snapshot);
    other.restart(Crash::PowerLoss);
    seen.insert(text_of(other, "a"));
  }
  EXPECT_TRUE(seen.contains("before"));
  EXPECT_TRUE(seen.contains("after!"));
}

TEST(SimulatedDisk, TakesDamageThatLasts) {
  SimulatedFileSystem files(1);
  SimulatedDisk& disk = files.disk();
  disk.put("d/a", as_bytes("0123456789"));
  disk.flip_bit("d/a", 1, 0);
  disk.overwrite("d/a", 8, as_bytes("xyz"));
  EXPECT_EQ(text_of(files, "d/a"), "00234567xyz");
  disk.truncate("d/a", 3);
  disk.put("d/b", as_bytes("b"));
  disk.remove("d/b");
  files.restart(Crash::PowerLoss);
  EXPECT_EQ(disk.files(), (std::vector<std::string>{"d/a"}));
  EXPECT_EQ(contents_of(files, "d/a"), "002");
}

}  // namespace
}  // namespace eventstore
