#include "log/segment_source.hpp"

#include <utility>

#include "log/folder.hpp"
#include "log/store_files.hpp"

namespace eventstore::log {
namespace {

class FolderSource final : public SegmentSource {
 public:
  FolderSource(FileSystem& files, std::string folder, Manifest manifest)
      : files_(files), folder_(std::move(folder)), manifest_(std::move(manifest)) {}

  const std::string& name() const override { return folder_; }
  const Manifest& manifest() const override { return manifest_; }

  Result<std::shared_ptr<const MappedFile>> segment(const ManifestSegment& listed) override {
    const auto file = files_.open(segment_path(folder_, listed), FileSystem::Access::Read);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    return (*file)->map(*size);
  }

 private:
  FileSystem& files_;
  const std::string folder_;
  const Manifest manifest_;
};

// What is advised to whoever opens a store is of no use for a copy.
Error no_copy(const std::string& folder, Error error) {
  if (error.code == ErrorCode::NotFound) {
    error.message = "there is no copy of an event store at " + folder + "; check the path";
  } else if (error.code == ErrorCode::NotAStore) {
    error.message = folder + " is no copy of an event store: it has no MANIFEST";
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<SegmentSource>> open_folder_source(FileSystem& files, std::string folder) {
  const auto there = is_there_or_creatable(files, folder, /*create=*/false);
  if (!there) return std::unexpected(no_copy(folder, there.error()));
  auto manifest = load_manifest(files, folder);
  if (!manifest) return std::unexpected(std::move(manifest).error());
  return std::make_unique<FolderSource>(files, std::move(folder), *std::move(manifest));
}

}  // namespace eventstore::log
