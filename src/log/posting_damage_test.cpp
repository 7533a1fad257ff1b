#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "log/posting_file.hpp"
#include "log/posting_test_exercise.hpp"
#include "log/posting_test_generators.hpp"
#include "log/posting_test_repair.hpp"
#include "log/posting_test_support.hpp"

namespace eventstore::log {
namespace {

// Small numbers and large ones are likelier to be believed, or to overflow.
constexpr std::array<std::uint8_t, 6> kLikelyBytes = {0, 1, 0x40, 0x7f, 0x80, 0xff};

// Every answer a file gives to questions about `model`, as numbers; absent where it says
// Corruption.
class Answers {
 public:
  Answers(const PostingFile& file, const PostingModel& model) : file_(file) {
    for (const auto& [name, postings] : model.keys) ask_about(PostingModel::key_of(name));
    for (const auto& [hash, posting] : model.ids) {
      for (const auto asked : {hash, hash + 1}) {
        add(file.find_id(asked),
            [](const auto& found, auto& numbers) { numbers.assign(found.begin(), found.end()); });
      }
    }
    for (Posting posting = 0; posting <= model.offsets.size(); ++posting) {
      add(file.offset_of(posting), [](auto offset, auto& numbers) { numbers = {offset}; });
    }
    for (const auto kind : {KeyKind::Stream, KeyKind::Category, KeyKind::Type, KeyKind::Tag}) {
      list(kind);
    }
  }

  // Whether each answer is that of `good`, or none.
  bool agree_with(const Answers& good) const {
    return std::ranges::equal(answers_, good.answers_, [](const auto& mine, const auto& right) {
      return !mine || mine == right;
    });
  }

 private:
  static constexpr std::size_t kKeysMax = 20;  // of a listing

  using Numbers = std::vector<std::uint64_t>;

  template <typename T, typename ToNumbers>
  void add(const Result<T>& answer, ToNumbers to_numbers) {
    if (!answer) {
      EXPECT_TRUE(is_corruption(answer.error())) << answer.error().message;
      answers_.emplace_back(std::nullopt);
      return;
    }
    to_numbers(*answer, answers_.emplace_back(Numbers{}).value());
  }

  void ask_about(const Key& key) {
    const auto entry = file_.find(key);
    add(entry, [](const auto& found, auto& numbers) {
      if (found) {
        numbers = {found->postings, found->first_version.value, found->last_version.value};
      }
    });
    for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
      for (const Posting from : {0U, 77U, std::numeric_limits<Posting>::max()}) {
        if (entry && *entry) {
          fetch(**entry, from, direction);
        } else {
          answers_.emplace_back(std::nullopt);
        }
      }
    }
  }

  void fetch(const KeyEntry& entry, Posting from, Direction direction) {
    std::vector<Posting> out(200);
    add(file_.fetch(entry, from, direction, out), [&](std::size_t count, auto& numbers) {
      numbers.assign(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
    });
  }

  // What was listed before damage was met is right, too: so one answer a key, then the end.
  void list(KeyKind kind) {
    std::vector<Numbers> keys;
    const auto listed = file_.list_keys(kind, "", "", [&](auto text, const auto& entry) {
      keys.push_back({hash_key(kind, text, 0), entry.postings, entry.last_version.value});
      return keys.size() < kKeysMax;
    });
    EXPECT_TRUE(listed || is_corruption(listed.error()));
    for (std::size_t i = 0; i < kKeysMax; ++i) {
      if (i < keys.size()) {
        answers_.emplace_back(keys[i]);
      } else if (listed) {
        answers_.emplace_back(Numbers{});
      } else {
        answers_.emplace_back(std::nullopt);
      }
    }
  }

  const PostingFile& file_;
  std::vector<std::optional<Numbers>> answers_;
};

TEST(PostingFileDamage, NoFlippedBitChangesAnAnswerOrEscapesVerify) {
  const auto model = small_model();
  auto bytes = model.encode();
  const auto good_file = *open_bytes(bytes);
  ASSERT_TRUE(good_file->verify());
  const Answers good(*good_file, model);

  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    bytes[bit / 8] ^= mask;
    const auto opened = open_bytes(bytes);
    bytes[bit / 8] ^= mask;
    if (!opened) {
      EXPECT_TRUE(is_corruption(opened.error())) << "bit " << bit;
      continue;
    }
    EXPECT_TRUE(Answers(**opened, model).agree_with(good)) << "bit " << bit;
    const auto verified = (*opened)->verify();
    ASSERT_FALSE(verified) << "bit " << bit;
    ASSERT_TRUE(is_corruption(verified.error())) << "bit " << bit;
    const auto& where = std::get<DamageDetails>(verified.error().details);
    EXPECT_EQ(where.file, "1.post");
    EXPECT_LT(where.offset, bytes.size()) << "bit " << bit;
  }
}

TEST(PostingFileDamage, RefusesAFileOfAnyOtherLength) {
  const auto bytes = small_model().encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto opened =
        open_bytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_FALSE(opened) << "cut at byte " << size;
    EXPECT_TRUE(is_corruption(opened.error())) << "cut at byte " << size;
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_TRUE(is_corruption(open_bytes(longer).error()));
}

TEST(PostingFileDamage, SaysWhere) {
  const auto model = small_model();
  auto bytes = model.encode();
  bytes[256 + 3 * 64] ^= std::byte{1};  // the fourth cell of the offsets
  const auto file = *open_bytes(bytes);
  EXPECT_TRUE(file->offset_of(44));
  const auto offset = file->offset_of(45);
  ASSERT_FALSE(offset);
  EXPECT_EQ(offset.error().message, "1.post at byte 448: cell checksum mismatch");
  EXPECT_EQ(std::get<DamageDetails>(offset.error().details).offset, 448U);
}

// What a hostile file can do: anything, with checksums that hold.
RC_GTEST_PROP(PostingFileDamage, SurvivesWrongBytesWithRightChecksums, (std::uint32_t seed)) {
  static const auto good = small_model().encode();
  std::minstd_rand random(seed);
  for (int attempt = 0; attempt < 10; ++attempt) {
    auto bytes = good;
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      const bool likely = random() % 2 == 0;
      const auto value = likely ? kLikelyBytes[random() % kLikelyBytes.size()] : random() % 256;
      bytes[random() % bytes.size()] = static_cast<std::byte>(value);
    }
    PostingFileRepair(bytes, test_identity().seed).repair_all();
    const auto opened = open_bytes(bytes);
    if (opened) {
      PostingFileExercise(**opened).run();
    } else {
      RC_ASSERT(is_corruption(opened.error()) ||
                opened.error().code == ErrorCode::UnsupportedFormat);
    }
  }
}

TEST(PostingFileDamage, AcceptsWhatRepairLeavesAlone) {
  const auto good = small_model().encode();
  auto bytes = good;
  PostingFileRepair(bytes, test_identity().seed).repair_all();
  EXPECT_EQ(bytes, good);
  PostingFileExercise(**open_bytes(bytes)).run();
}

}  // namespace
}  // namespace eventstore::log
