#include "subscription/event_batch.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace eventstore::subscription {
namespace {

// A chunk is as large as what was there before it, up to this; one event alone takes no more than
// its own bytes.
constexpr std::size_t kChunkBytesMax = std::size_t{256} << 10;

std::size_t bytes_of(const EventView& event) {
  return event.stream.size() + event.type.size() + event.data.size() + event.metadata.size() +
         event.tags.encoded().size();
}

}  // namespace

void EventBatch::append(std::span<const EventView> events) {
  std::size_t size = 0;
  for (const auto& event : events) size += bytes_of(event);
  reserve(size);
  for (const auto& event : events) {
    auto& copied = events_.emplace_back(event);
    copied.stream = copy(event.stream);
    copied.type = copy(event.type);
    copied.data = copy(event.data);
    copied.metadata = copy(event.metadata);
    copied.tags = TagsView(copy(event.tags.encoded()));
  }
}

std::size_t EventBatch::bytes() const {
  return chunk_bytes_ + events_.capacity() * sizeof(EventView);
}

void EventBatch::clear() {
  events_.clear();
  last_used_ = 0;
  if (chunks_.size() <= 1) return;
  auto last = std::move(chunks_.back());
  chunks_.clear();
  chunks_.push_back(std::move(last));
  chunk_bytes_ = last_bytes_;
}

void EventBatch::reserve(std::size_t size) {
  if (size <= last_bytes_ - last_used_) return;
  last_bytes_ = std::max(size, std::min(chunk_bytes_, kChunkBytesMax));
  last_used_ = 0;
  // NOLINTNEXTLINE(modernize-avoid-c-arrays)
  chunks_.push_back(std::make_unique_for_overwrite<char[]>(last_bytes_));
  chunk_bytes_ += last_bytes_;
}

std::string_view EventBatch::copy(std::string_view text) {
  if (text.empty()) return {};
  char* const to = chunks_.back().get() + last_used_;
  std::memcpy(to, text.data(), text.size());
  last_used_ += text.size();
  return {to, text.size()};
}

}  // namespace eventstore::subscription
