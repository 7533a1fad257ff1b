#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "eventstore/event.hpp"

namespace eventstore::subscription {

// Events copied out of what a cursor has shown, so that they outlive it.
//
// Ownership: has the bytes that its views point to. They stay where they are while more events are
//            appended, and where the batch is moved.
// Threads:   as any value.
class EventBatch {
 public:
  EventBatch() = default;

  // Copies `events`, all of their bytes into memory that is allocated at most once.
  void append(std::span<const EventView> events);
  void append(const EventView& event) { append(std::span(&event, 1)); }

  // Valid until clear().
  std::span<const EventView> events() const { return events_; }
  bool empty() const { return events_.empty(); }

  // What the batch takes of the heap, but for what is small.
  std::size_t bytes() const;

  // Gives up the events, and keeps some memory for others.
  void clear();

 private:
  void reserve(std::size_t size);
  std::string_view copy(std::string_view text);

  // NOLINTNEXTLINE(modernize-avoid-c-arrays): buffers that are not zeroed first
  using Chunk = std::unique_ptr<char[]>;

  std::vector<EventView> events_;
  std::vector<Chunk> chunks_;
  std::size_t chunk_bytes_ = 0;  // of all chunks
  std::size_t last_bytes_ = 0;   // of the last one, which is being filled
  std::size_t last_used_ = 0;
};

}  // namespace eventstore::subscription
