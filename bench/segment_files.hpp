#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

namespace eventstore::bench {

// The segments of a store, mapped as they are and read by the rules of docs/formats/store.md alone:
// what the bare candidates of a benchmark go through. No writer may have the store open.
class SegmentFiles {
 public:
  explicit SegmentFiles(const std::filesystem::path& store);
  ~SegmentFiles();
  SegmentFiles(const SegmentFiles&) = delete;
  SegmentFiles& operator=(const SegmentFiles&) = delete;

  // Each segment up to the end of its last frame, its header included.
  std::span<const std::span<const std::byte>> segments() const { return segments_; }
  std::size_t bytes() const;

  // Calls `visit` with each event, header and contents, in the order of the log.
  void for_each_event(const std::function<void(std::span<const std::byte>)>& visit) const;

 private:
  std::vector<std::span<const std::byte>> mappings_;
  std::vector<std::span<const std::byte>> segments_;
};

}  // namespace eventstore::bench
