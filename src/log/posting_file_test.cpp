#include "log/posting_file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "log/posting_test_generators.hpp"
#include "log/posting_test_repair.hpp"
#include "log/posting_test_support.hpp"

namespace eventstore::log {
namespace {

std::unique_ptr<PostingFile> file_of(const PostingModel& model) {
  auto opened = open_bytes(model.encode());
  EXPECT_TRUE(opened) << opened.error().message;
  return *std::move(opened);
}

// All of a list, read `page` postings at a time.
std::vector<Posting> fetch_all(const RunIndex& index, const KeyEntry& entry, Direction direction,
                               std::size_t page) {
  const bool forwards = direction == Direction::Forwards;
  std::vector<Posting> all;
  std::vector<Posting> buffer(page);
  Posting from = forwards ? 0 : std::numeric_limits<Posting>::max();
  while (true) {
    const auto count = index.fetch(entry, from, direction, buffer);
    EXPECT_TRUE(count) << count.error().message;
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count));
    if (*count < page || (!forwards && buffer.back() == 0)) return all;
    from = forwards ? buffer.back() + 1 : buffer.back() - 1;
  }
}

TEST(PostingFile, HoldsNothingOfAnEmptyRun) {
  const auto file = file_of({});
  EXPECT_EQ(file->events(), 0U);
  EXPECT_EQ(*file->find(PostingModel::key_of({KeyKind::Stream, "a"})), std::nullopt);
  EXPECT_TRUE(file->find_id(7)->empty());
  EXPECT_EQ(file->offset_of(0), 0U);
  EXPECT_TRUE(file->list_keys(KeyKind::Stream, "", "", [](auto, const auto&) { return true; }));
  EXPECT_TRUE(file->verify());
}

RC_GTEST_PROP(PostingFile, FindsTheKeysItWasMadeWith, (const PostingModel& model)) {
  const auto file = file_of(model);
  RC_ASSERT(file->verify().has_value());
  for (const auto& [name, postings] : model.keys) {
    const auto entry = file->find(PostingModel::key_of(name));
    RC_ASSERT(entry.has_value());
    RC_ASSERT(entry->has_value());
    RC_ASSERT((*entry)->postings == postings.size());
    if (name.first == KeyKind::Stream) {
      RC_ASSERT((*entry)->first_version == PostingModel::first_version(postings));
      RC_ASSERT((*entry)->last_version == PostingModel::last_version(postings));
    }
    const auto page = *rc::gen::inRange<std::size_t>(1, 300);
    auto expected = postings;
    RC_ASSERT(fetch_all(*file, **entry, Direction::Forwards, page) == expected);
    std::ranges::reverse(expected);
    RC_ASSERT(fetch_all(*file, **entry, Direction::Backwards, page) == expected);
  }
}

RC_GTEST_PROP(PostingFile, FetchesFromAnyPlace, (const PostingModel& model)) {
  RC_PRE(!model.keys.empty());
  const auto file = file_of(model);
  const auto& [name, postings] = *rc::gen::elementOf(model.keys);
  const auto entry = **file->find(PostingModel::key_of(name));
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto from = *rc::gen::inRange<Posting>(0, postings.back() + 3);
    const auto wanted = *rc::gen::inRange<std::size_t>(0, 400);
    const auto fetch = [&](Direction direction) {
      std::vector<Posting> out(wanted);
      const auto count = file->fetch(entry, from, direction, out);
      RC_ASSERT(count.has_value());
      out.resize(*count);
      return out;
    };
    const std::vector<Posting> ahead(std::ranges::lower_bound(postings, from), postings.end());
    std::vector<Posting> behind(postings.begin(), std::ranges::upper_bound(postings, from));
    std::ranges::reverse(behind);
    RC_ASSERT(std::ranges::equal(fetch(Direction::Forwards), ahead | std::views::take(wanted)));
    RC_ASSERT(std::ranges::equal(fetch(Direction::Backwards), behind | std::views::take(wanted)));
  }
}

RC_GTEST_PROP(PostingFile, FindsNoOtherKey,
              (const PostingModel& model, const PostingModel& other)) {
  const auto file = file_of(model);
  for (const auto& [name, postings] : other.keys) {
    const auto entry = file->find(PostingModel::key_of(name));
    RC_ASSERT(entry.has_value());
    RC_ASSERT(entry->has_value() == model.keys.contains(name));
  }
}

RC_GTEST_PROP(PostingFile, FindsIds, (const PostingModel& model)) {
  const auto file = file_of(model);
  for (const auto& [hash, posting] : model.ids) {
    const auto found = file->find_id(hash);
    RC_ASSERT(found.has_value());
    RC_ASSERT(std::ranges::find(*found, posting) != found->end());
  }
  const auto hash = *rc::gen::arbitrary<std::uint64_t>();
  const auto found = file->find_id(hash);
  RC_ASSERT(found.has_value());
}

RC_GTEST_PROP(PostingFile, TellsOffsets, (const PostingModel& model)) {
  const auto file = file_of(model);
  Posting posting = 0;
  std::uint64_t events = 0;
  for (const auto offset : model.offsets) {
    RC_ASSERT(*file->offset_of(posting++) == std::uint64_t{offset} * 8);
    events += offset != 0 ? 1 : 0;
  }
  RC_ASSERT(*file->offset_of(posting) == 0U);
  RC_ASSERT(file->events() == events);
}

RC_GTEST_PROP(PostingFile, ListsKeysInOrder, (const PostingModel& model)) {
  const auto file = file_of(model);
  const auto kind =
      *rc::gen::element(KeyKind::Stream, KeyKind::Category, KeyKind::Type, KeyKind::Tag);
  const auto prefix = *short_texts();
  const auto after = *short_texts();
  const auto limit = *rc::gen::inRange<std::size_t>(1, 100);

  std::vector<std::string> expected;
  for (const auto& [name, postings] : model.keys) {
    if (name.first == kind && name.second > after && name.second.starts_with(prefix) &&
        expected.size() < limit) {
      expected.push_back(name.second);
    }
  }
  std::vector<std::string> listed;
  const auto visited = file->list_keys(kind, prefix, after, [&](auto text, const auto& entry) {
    listed.emplace_back(text);
    const auto found = file->find(PostingModel::key_of({kind, listed.back()}));
    RC_ASSERT((**found).list == entry.list && (**found).postings == entry.postings);
    return listed.size() < limit;
  });
  RC_ASSERT(visited.has_value());
  RC_ASSERT(listed == expected);
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += digits[std::to_integer<std::size_t>(byte >> 4)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

// The format, pinned: the same bytes as in docs/formats/posting-file.md.
TEST(PostingFile, WritesTheExampleOfTheFormatPage) {
  const std::map<std::size_t, std::string> rows = {
      {0, "4553504f53544e4701000000ad73a8f7"},   {16, "0102030405060708090a0b0c0d0e0f10"},
      {32, "e9030000000000000100000000000000"},  {48, "01000000000000000300000000000000"},
      {64, "01000000000000008002000000000000"},  {80, "01000000000000000000000000000000"},
      {96, "00010000000000004000000000000000"},  {112, "40010000000000004000000000000000"},
      {128, "80010000000000004000000000000000"}, {144, "c0010000000000004000000000000000"},
      {160, "00020000000000004000000000000000"}, {176, "40020000000000002e00000000000000"},
      {192, "80020000000000000000000000000000"}, {256, "00020000000000000000000000000000"},
      {304, "0000000000000000000000007b16f069"}, {320, "00803800000000900210000000040000"},
      {336, "00100000010020000040000000010004"}, {352, "00000000000000000080000002100000"},
      {368, "00000000000004010812000086d0073c"}, {384, "5f77000000003b4f010000003fe30200"},
      {432, "000000000000000000000000999d283a"}, {448, "157c0000000000000000000000000000"},
      {496, "000000000000000000000000ef917597"}, {512, "000000002e0000000000000000000000"},
      {560, "0000000000000000000000002e38337a"}, {576, "3506a9350100096163636f756e742d31"},
      {592, "01010101000200076163636f756e7401"}, {608, "01000300064f70656e65640101000000"}};
  PostingModel model;
  model.offsets = {512};
  model.keys[{KeyKind::Stream, "account-1"}] = {0};
  model.keys[{KeyKind::Category, "account"}] = {0};
  model.keys[{KeyKind::Type, "Opened"}] = {0};
  model.ids = {{0x9e3779b97f4a7c15, 0}};
  const auto bytes = model.encode();
  ASSERT_EQ(bytes.size(), 640U);
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const auto row = std::span(bytes).subspan(at, 16);
    const auto expected = rows.contains(at) ? rows.at(at) : std::string(32, '0');
    EXPECT_EQ(hex(row), expected) << "byte " << at;
  }
}

TEST(PostingFile, RefusesTheFileOfAnotherRun) {
  const auto bytes = small_model().encode();
  const auto open_as = [&](const RunIdentity& identity) {
    return PostingFile::open(std::make_shared<const MappedBytes>(bytes), identity, "1.post");
  };
  ASSERT_TRUE(open_as(test_identity()));
  for (const int changed : {0, 1, 2}) {
    auto identity = test_identity();
    if (changed == 0) identity.seed += 1;
    if (changed == 1) identity.run_id.bytes[0] ^= std::byte{1};
    if (changed == 2) identity.first_position.value += 1;
    EXPECT_EQ(open_as(identity).error().code, ErrorCode::Corruption) << changed;
  }
}

TEST(PostingFile, RefusesANewerVersion) {
  auto bytes = small_model().encode();
  bytes[8] = std::byte{2};
  EXPECT_EQ(open_bytes(bytes).error().code, ErrorCode::Corruption);
  PostingFileRepair(bytes, test_identity().seed).repair_header();
  EXPECT_EQ(open_bytes(bytes).error().code, ErrorCode::UnsupportedFormat);
}

}  // namespace
}  // namespace eventstore::log
