#include "log/posting_cells.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace eventstore::log {
namespace {

constexpr std::uint32_t kSeed = 0x5eed;
constexpr int kHashes = 50000;
constexpr std::uint64_t kOfLastCell = ~std::uint64_t{0};  // a hash

std::vector<std::byte> cells(std::uint64_t count) {
  return std::vector<std::byte>(count * kCellBytes);
}

CellArray sealed(std::vector<std::byte>& section) {
  seal_cells(section, kSeed);
  return {{.bytes = section, .file_offset = 0}, kSeed};
}

std::vector<std::uint32_t> numbers_of(const SlotTable& table, std::uint64_t hash) {
  std::vector<std::uint32_t> numbers;
  SlotTable::Probe probe(table, hash);
  while (const auto number = *probe.next()) numbers.push_back(*number);
  return numbers;
}

TEST(NumberArray, ReadsNumbersAndNeighbours) {
  auto section = cells(3);
  for (std::uint32_t i = 0; i < 45; ++i) store_number(section, i, i * i);
  const NumberArray numbers(sealed(section));
  for (std::uint32_t i = 0; i < 44; ++i) {
    EXPECT_EQ(numbers.at(i), i * i);
    EXPECT_EQ(numbers.pair_at(i), std::pair(i * i, (i + 1) * (i + 1)));
  }
}

TEST(NumberArray, ReportsTheDamagedCell) {
  auto section = cells(3);
  const NumberArray numbers(sealed(section));
  section[64 + 63] ^= std::byte{0x80};
  EXPECT_TRUE(numbers.at(14));
  EXPECT_EQ(numbers.at(15).error().offset, 64U);
  EXPECT_EQ(numbers.pair_at(14).error().offset, 64U);
  EXPECT_TRUE(numbers.at(30));
}

TEST(HashFilter, HoldsWhatWasAddedAndLittleElse) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> hashes(kHashes);
  for (auto& hash : hashes) hash = random();
  auto section = cells(filter_cells_for(kHashes));
  for (const auto hash : hashes) add_to_filter(section, hash);
  const HashFilter filter(sealed(section));
  for (const auto hash : hashes) EXPECT_TRUE(*filter.may_hold(hash));
  int passed = 0;
  for (int i = 0; i < kHashes; ++i) passed += *filter.may_hold(random()) ? 1 : 0;
  EXPECT_LT(passed, kHashes / 40);
}

TEST(SlotTable, FindsEveryNumber) {
  for (const std::size_t count : {1UL, 7UL, 8UL, 9UL, 100UL, 20000UL}) {
    std::mt19937_64 random(count);
    std::vector<std::uint64_t> hashes(count);
    auto section = cells(table_cells_for(count));
    for (std::uint32_t i = 0; i < count; ++i) {
      hashes[i] = random();
      add_to_table(section, hashes[i], i);
    }
    const SlotTable table(sealed(section));
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto found = numbers_of(table, hashes[i]);
      EXPECT_NE(std::ranges::find(found, i), found.end());
    }
  }
}

TEST(SlotTable, GoesOnFromTheLastCellToTheFirst) {
  auto section = cells(3);
  std::vector<std::uint32_t> expected;
  for (std::uint32_t i = 0; i < 25; ++i) {
    add_to_table(section, kOfLastCell, i);
    expected.push_back(i);
  }
  EXPECT_EQ(numbers_of(SlotTable(sealed(section)), kOfLastCell), expected);
}

TEST(SlotTable, EndsTheSearchInATableWithoutFreeSlots) {
  auto section = cells(2);
  for (std::uint32_t i = 0; i < 20; ++i) add_to_table(section, i, i);
  const SlotTable table(sealed(section));
  EXPECT_EQ(numbers_of(table, 0x1234), std::vector<std::uint32_t>{});
  EXPECT_EQ(numbers_of(table, 7), std::vector<std::uint32_t>{7});
}

// The fingerprint 0 is taken by free slots.
TEST(SlotTable, FindsAHashWhoseLowBitsAreZero) {
  auto section = cells(1);
  add_to_table(section, 0xabcd0000, 42);
  EXPECT_EQ(numbers_of(SlotTable(sealed(section)), 0xabcd0000), std::vector<std::uint32_t>{42});
}

}  // namespace
}  // namespace eventstore::log
