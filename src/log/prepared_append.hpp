#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "core/stream_bounds.hpp"
#include "eventstore/append.hpp"
#include "log/format.hpp"

namespace eventstore::log {

// An append that passed validation, its events encoded: what the calling thread does, so that the
// writer only decides, places and writes.
//
// Ownership: owns the encoded bytes; what its events name and state points into them, and stays
//            valid where it is moved.
// Threads:   one at a time: first the caller's, then the writer's.
class PreparedAppend {
 public:
  struct Event {
    std::uint32_t offset = 0;  // in bytes()
    std::uint32_t length = 0;
    std::uint64_t id_hash = 0;
    bool given_id = false;  // by the caller: it may be there already
    Uuid id;
    std::string_view stream;  // borrowed from the encoded bytes
    std::string_view type;
    TagsView tags;
    std::string_view bounds_of = {};  // the stream whose bounds it states; empty: it states none
  };

  // An event that is metadata of a stream or a tombstone.
  struct Stated {
    const Event* event = nullptr;
    StatedBounds bounds;
  };

  // `request` must have passed validate().
  PreparedAppend(AppendRequest request, Environment environment, std::uint64_t secret);

  PreparedAppend(PreparedAppend&&) = default;
  PreparedAppend& operator=(PreparedAppend&&) = default;
  PreparedAppend(const PreparedAppend&) = delete;
  PreparedAppend& operator=(const PreparedAppend&) = delete;
  ~PreparedAppend() = default;

  std::span<const Event> events() const { return events_; }
  std::span<const Stated> stated() const { return stated_; }  // in the order of the events
  std::span<const StreamCheck> checks() const { return checks_; }
  const std::optional<AppendCondition>& condition() const { return condition_; }
  const RequestContext& context() const { return context_; }

  std::span<std::byte> bytes() { return {bytes_.get(), size_}; }
  std::span<std::byte> bytes_of(const Event& event) {
    return bytes().subspan(event.offset, event.length);
  }
  std::uint64_t size() const { return size_; }

 private:
  void add_stated(StatedBounds stated, bool has_bounds);

  // A buffer that is not zeroed first.  NOLINTNEXTLINE(modernize-avoid-c-arrays)
  std::unique_ptr<std::byte[]> bytes_;
  std::uint64_t size_ = 0;
  std::vector<Event> events_;
  std::vector<Stated> stated_;
  std::vector<StreamCheck> checks_;
  std::optional<AppendCondition> condition_;
  RequestContext context_;
};

}  // namespace eventstore::log
