#include "log/segment.hpp"

#include <utility>

#include "log/damage.hpp"

namespace eventstore::log {

Segment::Segment(SegmentHeader header, std::string path, FileSystem& files,
                 std::unique_ptr<File> file)
    : header_(header),
      seed_(header.seed()),
      path_(std::move(path)),
      files_(files),
      file_(std::move(file)),
      is_open_(true) {}

Segment::Segment(SegmentHeader header, std::string path, FileSystem& files, std::uint64_t bytes)
    : header_(header),
      seed_(header.seed()),
      path_(std::move(path)),
      files_(files),
      durable_bytes_(bytes) {}

Segment::Segment(SegmentHeader header, std::string path, FileSystem& files, Error lost)
    : header_(header),
      seed_(header.seed()),
      path_(std::move(path)),
      files_(files),
      lost_(std::move(lost)) {}

Result<void> Segment::write_done() {
  const MutexLock lock(mutex_);
  const auto bytes = durable_bytes();
  if (mapped_ == nullptr || mapped_->bytes().size() < bytes) {
    if (auto mapped = map_file(*file_, bytes); !mapped) return mapped;
  }
  is_open_ = false;
  file_.reset();
  return {};
}

Result<std::shared_ptr<const MappedFile>> Segment::map() const {
  const auto bytes = durable_bytes();
  const MutexLock lock(mutex_);
  if (mapped_ != nullptr && mapped_->bytes().size() >= bytes) return mapped_;
  if (is_open_) {
    if (auto mapped = map_file(*file_, bytes); !mapped) return std::unexpected(mapped.error());
    return mapped_;
  }
  if (lost_) return std::unexpected(*lost_);
  auto file = files_.open(path_, FileSystem::Access::Read);
  if (!file) {
    auto error = std::move(file).error();
    if (error.code == ErrorCode::NotFound) error.details = DamageDetails{.file = path_};
    return std::unexpected(std::move(error));
  }
  if (auto mapped = map_file(**file, bytes); !mapped) return std::unexpected(mapped.error());
  return mapped_;
}

// The whole file as it is now, space written ahead included, so that mapping is rare.
Result<void> Segment::map_file(File& file, std::uint64_t bytes) const {
  const auto size = file.size();
  if (!size) return std::unexpected(size.error());
  if (*size < bytes) {
    return std::unexpected(corruption({.file = path_, .offset = *size},
                                      "the file is shorter than it was; repair it from a copy "
                                      "(event-store maint repair --from COPY)"));
  }
  auto mapped = file.map(*size);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  mapped_ = *std::move(mapped);
  return {};
}

}  // namespace eventstore::log
