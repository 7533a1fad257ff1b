#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/seeded_random.hpp"
#include "eventstore/append.hpp"
#include "support/model.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {

// Makes append requests of every kind from a seed: several streams at once, checks that hold and
// checks that do not, conditions, bounds and tombstones, and earlier requests once more.
class RequestMaker {
 public:
  // `salt` changes the ids and contents of events, and nothing else.
  explicit RequestMaker(SeededRandom& random, std::uint8_t salt = 0)
      : random_(random), salt_(salt) {}

  // `model`: what is in the store; what is made aims at it, and mostly hits.
  AppendRequest make(const Model& model) {
    if (!sent_.empty() && random_.chance(1, 8)) return sent_[random_.below(sent_.size())];
    AppendRequest request;
    const auto events = random_.chance(1, 12) ? 0 : 1 + random_.below(4);
    for (std::uint64_t i = 0; i < events; ++i) {
      request.events.push_back(random_.chance(1, 12) ? deletion(model) : event());
      if (is_system_name(request.events.back().type)) request.system = true;
    }
    if (events == 0 || random_.chance(1, 2)) {
      const auto name = stream();
      request.checks.push_back({.stream = name, .expected = expected(model.version_of(name))});
    }
    if (random_.chance(1, 4)) {
      const auto head = model.head().value;
      request.condition =
          AppendCondition{.query = Query::of({{.types = {type()}, .tags = {tag()}}}),
                          .after = {head - std::min(head, random_.below(10))}};
    }
    sent_.push_back(request);
    return request;
  }

  std::string stream() {
    if (random_.chance(1, 10)) return mortal_stream();
    return "s" + std::to_string(random_.below(3)) + "-" + std::to_string(random_.below(4));
  }
  // One of those that are tombstoned sooner or later.
  std::string mortal_stream() { return "mortal-" + std::to_string(random_.below(30)); }

 private:
  std::string type() { return "T" + std::to_string(random_.below(4)); }
  std::string tag() { return "t" + std::to_string(random_.below(5)); }

  Uuid next_id() { return id_of(++ids_ + kSaltedIds * salt_); }

  NewEvent event() {
    NewEvent made{.stream = stream(), .type = type(), .id = next_id()};
    if (random_.chance(2, 3)) made.tags.push_back(tag());
    // Sizes around a sector and well beyond it, so that writes tear in many ways.
    const auto size = random_.chance(1, 10) ? random_.below(6000) : random_.below(300);
    made.data.resize(size);
    random_.fill(std::as_writable_bytes(std::span(made.data)));
    for (auto& byte : made.data) byte = static_cast<char>(byte ^ salt_);
    made.format = PayloadFormat::Binary;
    if (random_.chance(1, 3)) made.metadata = "{\"n\":" + std::to_string(ids_) + "}";
    return made;
  }

  // Metadata that truncates, mostly by what is allowed, or that sets a max count; or a tombstone.
  NewEvent deletion(const Model& model) {
    const auto name = stream();
    if (name.starts_with("mortal") && random_.chance(1, 3)) {
      return {.stream = name, .type = "$tombstone", .id = next_id()};
    }
    const auto next = model.version_of(name).value + 1;
    const auto back = random_.below(6);
    auto data = "{\"$tb\":" + std::to_string(next > back ? next - back : next + 1);
    if (random_.chance(1, 3)) data += ",\"$maxCount\":" + std::to_string(1 + random_.below(9));
    return {.stream = "$$" + name, .type = "$metadata", .id = next_id(), .data = data + '}'};
  }

  ExpectedVersion expected(StreamVersion actual) {
    switch (random_.below(6)) {
      case 0:
        return ExpectedVersion::any();
      case 1:
        return ExpectedVersion::no_stream();
      case 2:
        return ExpectedVersion::stream_exists();
      case 3:
        return ExpectedVersion::exactly({actual.value + 1});
      default:
        return ExpectedVersion::exactly(actual);
    }
  }

  static constexpr std::uint64_t kSaltedIds = 1'000'000'000;

  SeededRandom& random_;
  const std::uint8_t salt_;
  std::uint64_t ids_ = 0;
  std::vector<AppendRequest> sent_;
};

}  // namespace eventstore::test
