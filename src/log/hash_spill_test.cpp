#include "log/hash_spill.hpp"

#include <limits>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "core/memory_file_system.hpp"
#include "core/seeded_random.hpp"
#include "log/posting_cells.hpp"
#include "support/store_access.hpp"

namespace eventstore::log {
namespace {

using test::value_of;

constexpr std::uint32_t kSeed = 0x5eed;

// A section that was written window by window, read back as a whole.
class HashSpillTest : public testing::TestWithParam<std::size_t> {
 protected:
  HashSpillTest() {
    value_of(files_.create_directory("d"));
    file_ = value_of(files_.create("d/section"));
    spill_ = std::make_unique<HashSpill>(value_of(HashSpill::create(files_, "d/hashes")));
  }

  void add(std::uint64_t hash) {
    const auto number = static_cast<std::uint32_t>(numbers_.size());
    value_of(spill_->add(hash, number));
    numbers_.emplace(hash, number);
  }

  CellSection section(std::size_t cells) {
    return {.file = *file_, .offset = 0, .cells = cells, .seed = kSeed, .window_cells = GetParam()};
  }

  CellArray cells() {
    contents_.resize(value_of(file_->size()));
    EXPECT_EQ(value_of(file_->read(0, contents_)), contents_.size());
    return CellArray({.bytes = contents_, .file_offset = 0}, kSeed);
  }

  void expect_in_table(std::size_t table_cells) {
    value_of(spill_->finish());
    value_of(write_table(section(table_cells), *spill_, 0, spill_->size()));
    const SlotTable table(cells());
    std::size_t used = 0;
    ASSERT_TRUE(table.for_each([&](std::uint32_t) -> const char* {
      ++used;
      return nullptr;
    }));
    EXPECT_EQ(used, numbers_.size());
    for (const auto& [hash, number] : numbers_) EXPECT_TRUE(finds(table, hash, number)) << hash;
  }

  MemoryFileSystem files_;
  std::unique_ptr<File> file_;
  std::unique_ptr<HashSpill> spill_;
  std::map<std::uint64_t, std::uint32_t> numbers_;
  std::vector<std::byte> contents_;

 private:
  static bool finds(const SlotTable& table, std::uint64_t hash, std::uint32_t number) {
    SlotTable::Probe probe(table, hash);
    for (;;) {
      const auto found = probe.next();
      if (!found || !*found) return false;
      if (**found == number) return true;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Windows, HashSpillTest, testing::Values(1, 2, 3, 1000));

TEST_P(HashSpillTest, MakesATableInWhichEveryHashIsFound) {
  SeededRandom random(7);
  for (int i = 0; i < 500; ++i) add(random.below(std::numeric_limits<std::uint64_t>::max()));
  expect_in_table(table_cells_for(500));
}

// Entries of a full cell go on in the next ones, over the end of a window and of the section.
TEST_P(HashSpillTest, GoesOnAtTheStartWhereTheEndIsFull) {
  for (std::uint64_t i = 0; i < 35; ++i) add(std::numeric_limits<std::uint64_t>::max() - i);
  for (std::uint64_t i = 0; i < 5; ++i) add(i);
  expect_in_table(5);
}

TEST_P(HashSpillTest, MakesAFilterThatPassesEveryHash) {
  SeededRandom random(8);
  for (int i = 0; i < 500; ++i) add(random.below(std::numeric_limits<std::uint64_t>::max()));
  value_of(spill_->finish());
  value_of(write_filter(section(filter_cells_for(500)), *spill_));
  const HashFilter filter(cells());
  for (const auto& [hash, number] : numbers_) EXPECT_EQ(filter.may_hold(hash), true) << number;
  int passed = 0;
  for (int i = 0; i < 1000; ++i) {
    passed += filter.may_hold(random.below(std::numeric_limits<std::uint64_t>::max())) == true;
  }
  EXPECT_LT(passed, 100);
}

}  // namespace
}  // namespace eventstore::log
