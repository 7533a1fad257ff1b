#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include "log/posting_test_support.hpp"

namespace eventstore::log {

// Few letters, so that texts share prefixes and meet again.
inline std::string short_text(std::minstd_rand& random) {
  std::string text(random() % 6, 'a');
  for (auto& letter : text) letter = "ab-\x7f\xc3"[random() % 5];
  if (random() % 4 == 0) text.insert(0, "a-long-prefix-that-many-keys-share-");
  return text;
}

inline rc::Gen<std::string> short_texts() {
  return rc::gen::map(rc::gen::arbitrary<std::uint32_t>(), [](std::uint32_t seed) {
    std::minstd_rand random(seed);
    return short_text(random);
  });
}

// Ascending, at least one of `from`: all, about one in a few, or few.
inline std::vector<Posting> some_of(const std::vector<Posting>& from, std::minstd_rand& random) {
  const std::size_t share = std::size_t{1} << (random() % 11);
  std::vector<Posting> some;
  for (const auto posting : from) {
    if (random() % share == 0) some.push_back(posting);
  }
  if (some.empty()) some.push_back(from[random() % from.size()]);
  return some;
}

inline PostingModel make_model(std::uint32_t seed, std::size_t postings, std::size_t keys) {
  std::minstd_rand random(seed);
  PostingModel model;
  std::vector<Posting> events;
  // Some files have large steps between their events, so that differences take several bytes.
  const auto hole_share = random() % 3 == 0 ? 40 : random() % 3;
  for (std::uint32_t posting = 0; posting < postings; ++posting) {
    const bool is_hole = hole_share != 0 && random() % (hole_share + 1) != 0;
    model.offsets.push_back(is_hole ? 0 : 512 + posting * 16);
    if (!is_hole) events.push_back(posting);
  }
  if (events.empty()) return model;
  for (std::size_t i = 0; i < keys; ++i) {
    const auto kind = static_cast<KeyKind>(1 + random() % 5);
    model.keys[{kind, short_text(random)}] = some_of(events, random);
  }
  for (const auto posting : events) {
    const std::uint64_t high = random();
    model.ids.emplace_back(high << 33 ^ std::uint64_t{random()} << 11 ^ random(), posting);
  }
  return model;
}

}  // namespace eventstore::log

template <>
struct rc::Arbitrary<eventstore::log::PostingModel> {
  static Gen<eventstore::log::PostingModel> arbitrary() {
    return gen::map(
        gen::tuple(gen::arbitrary<std::uint32_t>(), gen::inRange<std::size_t>(0, 3000),
                   gen::inRange<std::size_t>(0, 80)),
        [](const auto& shape) { return std::apply(eventstore::log::make_model, shape); });
  }
};

namespace rc::detail {
// RapidCheck finds it by this name.
// NOLINTNEXTLINE(readability-identifier-naming)
inline void showValue(const eventstore::log::PostingModel& model, std::ostream& out) {
  out << model.offsets.size() << " postings, " << model.keys.size() << " keys";
}
}  // namespace rc::detail
