#include "postgres/self_test_log.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

#include "core/seeded_random.hpp"

namespace eventstore::postgres {
namespace {

std::uint64_t with(std::uint64_t digest, std::uint64_t value) {
  return mix_bits(digest ^ mix_bits(value + 0x9e3779b97f4a7c15));
}

std::uint64_t with(std::uint64_t digest, std::string_view bytes) {
  return with(with(digest, bytes.size()), std::hash<std::string_view>{}(bytes));
}

}  // namespace

std::uint64_t digest_of(const EventView& event) {
  auto digest = with(with(0, event.position.value), event.version.value);
  for (const auto byte : event.id.bytes)
    digest = with(digest, std::to_integer<std::uint64_t>(byte));
  for (const auto text : {event.stream, event.type, event.data, event.metadata}) {
    digest = with(digest, text);
  }
  for (const auto tag : event.tags) digest = with(digest, tag);
  digest = with(digest, static_cast<std::uint64_t>(event.recorded_at.time_since_epoch().count()));
  return with(digest, event.last_of_append ? 1 : 0);
}

std::optional<std::string> SeenLog::take(GlobalPosition position, std::uint64_t digest) {
  const auto before = last_;
  last_ = position;
  digest_ = with(digest_, digest);
  if (position.value == before.value + 1) {
    if (position.value % kBetween == 0) kept_.push_back(digest_);
    return std::nullopt;
  }
  return "position " + std::to_string(position.value) + " came after position " +
         std::to_string(before.value);
}

std::optional<std::string> SeenLog::difference_from(const SeenLog& other) const {
  const auto both = std::min(kept_.size(), other.kept_.size());
  for (std::size_t index = 0; index < both; ++index) {
    if (kept_[index] == other.kept_[index]) continue;
    return "what was seen differs between positions " + std::to_string(index * kBetween + 1) +
           " and " + std::to_string((index + 1) * kBetween);
  }
  if (last_ == other.last_ && digest_ != other.digest_) {
    return "what was seen differs after position " + std::to_string(both * kBetween);
  }
  return std::nullopt;
}

}  // namespace eventstore::postgres
