#include "segment_files.hpp"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/codec.hpp"
#include "harness.hpp"

namespace eventstore::bench {
namespace {

constexpr std::size_t kSegmentHeaderBytes = 4096;
constexpr std::size_t kFrameHeaderBytes = 64;
constexpr std::size_t kEventCountOffset = 12;
constexpr std::size_t kBodyLengthOffset = 16;
constexpr std::size_t kEventLengthOffset = 4;
constexpr std::string_view kFrameMagic = "ESF1";

bool is_frame(std::span<const std::byte> rest) {
  return rest.size() >= kFrameHeaderBytes && as_chars(rest).starts_with(kFrameMagic);
}

std::size_t frame_bytes(std::span<const std::byte> frame) {
  return kFrameHeaderBytes + load_le<std::uint64_t>(frame.data() + kBodyLengthOffset);
}

std::span<const std::byte> map(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail_with_errno("open " + path.string());
  const auto size = std::filesystem::file_size(path);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) fail_with_errno("mmap " + path.string());
  ::close(file);
  return {static_cast<const std::byte*>(mapped), size};
}

}  // namespace

SegmentFiles::SegmentFiles(const std::filesystem::path& store) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(store / "log")) {
    if (entry.path().extension() == ".seg") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    const auto& mapping = mappings_.emplace_back(map(path));
    auto end = kSegmentHeaderBytes;
    while (end < mapping.size() && is_frame(mapping.subspan(end))) {
      end += frame_bytes(mapping.subspan(end));
    }
    segments_.push_back(mapping.first(end));
  }
}

SegmentFiles::~SegmentFiles() {
  for (const auto& mapping : mappings_) {
    ::munmap(const_cast<std::byte*>(mapping.data()), mapping.size());
  }
}

std::size_t SegmentFiles::bytes() const {
  std::size_t sum = 0;
  for (const auto& segment : segments_) sum += segment.size();
  return sum;
}

void SegmentFiles::for_each_event(
    const std::function<void(std::span<const std::byte>)>& visit) const {
  for (const auto& segment : segments_) {
    for (auto at = kSegmentHeaderBytes; at < segment.size();) {
      auto left = load_le<std::uint32_t>(segment.data() + at + kEventCountOffset);
      const auto next_frame = at + frame_bytes(segment.subspan(at));
      for (at += kFrameHeaderBytes; left > 0; --left) {
        const auto length = load_le<std::uint32_t>(segment.data() + at + kEventLengthOffset);
        visit(segment.subspan(at, length));
        at += length;
      }
      at = next_frame;
    }
  }
}

}  // namespace eventstore::bench
