#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "log/posting_cells.hpp"
#include "log/posting_format.hpp"
#include "log/posting_keys.hpp"
#include "log/posting_list.hpp"
#include "log/posting_sections.hpp"

// Makes the checksums of damaged posting files right, so that tests get at what lies behind them.
namespace eventstore::log {

class PostingFileRepair {
 public:
  PostingFileRepair(std::vector<std::byte>& file, std::uint32_t seed) : file_(file), seed_(seed) {}

  void repair_header() {
    if (file_.size() < kPostingHeaderBytes) return;
    const auto header = std::span(file_).first(kPostingHeaderBytes);
    store_le(file_.data() + 12, seeded_crc(header.subspan(16), seed_, crc32c(header.first(12))));
  }

  void repair_all() {
    repair_header();
    const auto directory = section(SectionName::Directory);
    const auto blocks = section(SectionName::Keys);
    const auto number = [&](std::size_t index) {
      return load_le<std::uint32_t>(directory.data() + index / kNumbersPerCell * kCellBytes +
                                    index % kNumbersPerCell * 4);
    };
    const std::size_t numbers = directory.size() / kCellBytes * kNumbersPerCell;
    for (std::size_t index = 0; index + 1 < numbers; ++index) {
      const std::uint64_t begin = number(index);
      const std::uint64_t end = number(index + 1);
      if (begin + 4 <= end && end <= blocks.size()) {
        repair_block(blocks.subspan(begin, end - begin));
      }
    }
    for (const auto name : {SectionName::Offsets, SectionName::Filter, SectionName::KeyTable,
                            SectionName::IdTable, SectionName::Directory}) {
      seal_cells(section(name), seed_);
    }
  }

 private:
  // What the header says, as far as it lies within the file; sections of cells in whole cells.
  std::span<std::byte> section(SectionName name) {
    if (file_.size() < kPostingHeaderBytes) return {};
    const std::size_t at = 96 + 16 * static_cast<std::size_t>(name);
    const auto offset = load_le<std::uint64_t>(file_.data() + at);
    const auto size = load_le<std::uint64_t>(file_.data() + at + 8);
    if (offset > file_.size() || size > file_.size() - offset) return {};
    const bool is_cells = name != SectionName::Keys && name != SectionName::Lists;
    return std::span(file_).subspan(offset, is_cells ? size / kCellBytes * kCellBytes : size);
  }

  void repair_block(std::span<std::byte> block) {
    KeyBlockReader reader(block);
    while (!reader.at_end()) {
      const auto key = reader.next();
      if (!key) break;
      if (key->value.inline_list.empty()) {
        repair_list(key->value.list_offset, key->value.postings);
      }
    }
    store_le(block.data(), seeded_crc(block.subspan(4), seed_));
  }

  void repair_list(std::uint64_t offset, std::uint64_t postings) {
    const auto lists = section(SectionName::Lists);
    if (offset > lists.size()) return;
    const auto list = lists.subspan(offset);
    const std::uint64_t chunks = cells_for(postings, kChunkPostings);
    const std::uint64_t cells = cells_for(chunks + 1, 5);
    if (cells > list.size() / kCellBytes) return;
    const auto entry = [&](std::uint64_t index) {
      return list.data() + index / 5 * kCellBytes + index % 5 * 12;
    };
    for (std::uint64_t index = 0; index < chunks; ++index) {
      const auto begin = load_le<std::uint32_t>(entry(index) + 4);
      const auto end = load_le<std::uint32_t>(entry(index + 1) + 4);
      if (begin > end || end > list.size()) continue;
      store_le(entry(index) + 8, seeded_crc(list.subspan(begin, end - begin), seed_));
    }
    seal_cells(list.first(cells * kCellBytes), seed_);
  }

  std::vector<std::byte>& file_;
  std::uint32_t seed_;
};

}  // namespace eventstore::log
