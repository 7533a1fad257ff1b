#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/position.hpp"
#include "log/run.hpp"
#include "log/segment.hpp"

namespace eventstore::log {

using SegmentList = std::vector<std::shared_ptr<Segment>>;

// What the log is made of: its segments, and the runs of its index. Both ascend without gaps and
// begin at position 1; each kind ends anywhere in the other.
struct LogLayout {
  SegmentList segments;
  RunList runs;
};

// The ordinal of the last part (segment or run) that begins at or before `position`.
template <typename Parts, typename FirstPosition>
std::size_t part_of(const Parts& parts, GlobalPosition position, FirstPosition first_position) {
  const auto next = std::ranges::upper_bound(parts, position, {}, first_position);
  return next == parts.begin() ? 0 : static_cast<std::size_t>(next - parts.begin()) - 1;
}

// The log at one moment: what a read works on from its opening to its end.
struct Snapshot {
  GlobalPosition head;
  std::shared_ptr<const LogLayout> layout;  // never empty

  const SegmentList& segments() const { return layout->segments; }
  const RunList& runs() const { return layout->runs; }

  // Positions beyond the head count to the last one.
  std::size_t segment_of(GlobalPosition position) const {
    return part_of(segments(), position, [](const auto& part) { return part->first_position(); });
  }
  std::size_t run_of(GlobalPosition position) const {
    return part_of(runs(), position, [](const auto& part) { return part->first_position; });
  }

  // The last position of a segment (run) that this snapshot shows; less than its first if none.
  GlobalPosition last_position_of_segment(std::size_t ordinal) const {
    if (ordinal + 1 == segments().size()) return head;
    return std::min(head, GlobalPosition{segments()[ordinal + 1]->first_position().value - 1});
  }
  GlobalPosition last_position_of_run(std::size_t ordinal) const {
    if (ordinal + 1 == runs().size()) return head;
    return std::min(head, GlobalPosition{runs()[ordinal + 1]->first_position.value - 1});
  }
};

// The head and the layout, published by the writer to any number of readers. The layout is changed
// by whoever makes it better: the writer, which adds to it, and those who replace some of it.
//
// Threads: publish() is the writer's; the rest is safe from any thread.
class LogView {
 public:
  Snapshot snapshot() const {
    // The head first: the layout that is read after it holds all up to it. Where it is newer and
    // has further segments, all before the last one is durable.
    const auto seen = head();
    auto seen_layout = layout();
    if (seen_layout->segments.empty()) return {.head = seen, .layout = std::move(seen_layout)};
    const GlobalPosition sealed{seen_layout->segments.back()->first_position().value - 1};
    return {.head = std::max(seen, sealed), .layout = std::move(seen_layout)};
  }

  GlobalPosition head() const { return {head_.load(std::memory_order_acquire)}; }

  std::shared_ptr<const LogLayout> layout() const {
    const MutexLock lock(mutex_);
    return layout_;
  }

  // Released here after the events are durable and indexed, acquired in head().
  void publish(GlobalPosition head) { head_.store(head.value, std::memory_order_release); }

  // Calls `change` on a copy of the layout, which then takes its place.
  void update(const std::function<void(LogLayout&)>& change) {
    const MutexLock lock(mutex_);
    auto changed = std::make_shared<LogLayout>(*layout_);
    change(*changed);
    layout_ = std::move(changed);
  }

 private:
  std::atomic<std::uint64_t> head_ = 0;
  mutable Mutex mutex_;
  std::shared_ptr<const LogLayout> layout_ GUARDED_BY(mutex_) = std::make_shared<const LogLayout>();
};

}  // namespace eventstore::log
