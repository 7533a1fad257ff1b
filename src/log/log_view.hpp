#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/position.hpp"
#include "log/segment.hpp"

namespace eventstore::log {

using SegmentList = std::vector<std::shared_ptr<Segment>>;

// The log at one moment: what a read works on from its opening to its end.
struct Snapshot {
  GlobalPosition head;
  std::shared_ptr<const SegmentList> segments;  // ascending, without gaps; never empty

  // The ordinal of the segment that has `position`; positions beyond the head count to the last.
  std::size_t segment_of(GlobalPosition position) const {
    std::size_t low = 0;
    std::size_t high = segments->size();
    while (high - low > 1) {
      const auto middle = (low + high) / 2;
      ((*segments)[middle]->first_position() <= position ? low : high) = middle;
    }
    return low;
  }

  // The last position of segment `ordinal` that this snapshot shows; less than its first if none.
  GlobalPosition last_position(std::size_t ordinal) const {
    if (ordinal + 1 == segments->size()) return head;
    const auto next = (*segments)[ordinal + 1]->first_position();
    return std::min(head, GlobalPosition{next.value - 1});
  }
};

// The head and the segments, published by one writer to any number of readers.
//
// Threads: one writer and many readers.
class LogView {
 public:
  Snapshot snapshot() const {
    // The head first: the list that is read after it holds every segment up to it. Where it is
    // newer and has further segments, all before the last one is durable.
    const auto seen = head();
    const MutexLock lock(mutex_);
    if (segments_->empty()) return {.head = seen, .segments = segments_};
    const GlobalPosition sealed{segments_->back()->first_position().value - 1};
    return {.head = std::max(seen, sealed), .segments = segments_};
  }

  GlobalPosition head() const { return {head_.load(std::memory_order_acquire)}; }

  // Released here after the events are durable and indexed, acquired in head().
  void publish(GlobalPosition head) { head_.store(head.value, std::memory_order_release); }

  void set_segments(SegmentList segments) {
    auto list = std::make_shared<const SegmentList>(std::move(segments));
    const MutexLock lock(mutex_);
    segments_.swap(list);
  }

 private:
  std::atomic<std::uint64_t> head_ = 0;
  mutable Mutex mutex_;
  std::shared_ptr<const SegmentList> segments_ GUARDED_BY(mutex_) =
      std::make_shared<const SegmentList>();
};

}  // namespace eventstore::log
