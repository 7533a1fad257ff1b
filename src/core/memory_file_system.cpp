#include "core/memory_file_system.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "core/path_names.hpp"
#include "core/posix_environment.hpp"
#include "core/posix_file.hpp"
#include "core/posix_shared_page.hpp"

namespace eventstore {
namespace internal {
namespace {

constexpr std::uint64_t kCapacityBytesMin = std::uint64_t{64} << 10;

// A file's memory, mapped. A file that outgrows it gets a larger one of the same pages, so that
// what is written through the one shows in the other. Shared between the file and its maps.
class Region {
 public:
  static Result<std::shared_ptr<Region>> map(int descriptor, std::uint64_t capacity,
                                             std::string_view path) {
    if (ftruncate(descriptor, static_cast<off_t>(capacity)) != 0) {
      return std::unexpected(system_error(path, "ftruncate", errno));
    }
    void* const at =
        mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
    if (at == MAP_FAILED) return std::unexpected(system_error(path, "mmap", errno));
    return std::make_shared<Region>(static_cast<std::byte*>(at), capacity);
  }

  Region(std::byte* at, std::uint64_t capacity) : bytes_(at, capacity) {}
  ~Region() { munmap(bytes_.data(), bytes_.size()); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

class RegionMap final : public MappedFile {
 public:
  RegionMap(std::shared_ptr<const Region> region, std::uint64_t size) : region_(std::move(region)) {
    bytes_ = region_->bytes().first(size);
  }

 private:
  std::shared_ptr<const Region> region_;
};

}  // namespace

// The contents of one file. Reads and maps from any thread, writes from one at a time.
class MemoryInode {
 public:
  static Result<std::shared_ptr<MemoryInode>> make(const std::string& path) {
    const int number = memfd_create("eventstore", MFD_CLOEXEC);
    if (number < 0) return std::unexpected(system_error(path, "memfd_create", errno));
    Descriptor descriptor(number);
    auto region = Region::map(number, kCapacityBytesMin, path);
    if (!region) return std::unexpected(std::move(region).error());
    return std::make_shared<MemoryInode>(std::move(descriptor), *std::move(region));
  }

  MemoryInode(Descriptor descriptor, std::shared_ptr<Region> region)
      : descriptor_(std::move(descriptor)), region_(std::move(region)) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) const {
    const View view = this->view();
    if (offset >= view.size) return 0;
    const std::size_t count = std::min(out.size(), view.size - offset);
    std::memcpy(out.data(), view.region->bytes().data() + offset, count);
    return count;
  }

  // The bytes are copied outside the mutex: whoever reads them has learnt of them from the writer,
  // or by the size, which follows them.
  Result<void> write(std::uint64_t offset, std::span<const std::span<const std::byte>> parts,
                     std::string_view path) {
    std::uint64_t end = offset;
    for (const auto part : parts) end += part.size();
    if (end == offset) return {};
    const auto region = region_for(end, path);
    if (!region) return std::unexpected(region.error());
    for (const auto part : parts) {
      if (part.empty()) continue;
      std::memcpy((*region)->bytes().data() + offset, part.data(), part.size());
      offset += part.size();
    }
    const MutexLock lock(mutex_);
    size_ = std::max(size_, end);
    return {};
  }

  std::uint64_t size() const { return view().size; }

  Result<std::shared_ptr<const MappedFile>> map(std::uint64_t size, std::string_view path) const {
    View view = this->view();
    if (size > view.size) {
      return std::unexpected(map_beyond_end(path, size, view.size));
    }
    return std::make_shared<RegionMap>(std::move(view.region), size);
  }

  Result<std::unique_ptr<SharedPage>> share_page(std::string_view path,
                                                 FileSystem::Access access) const {
    if (const auto bytes = size(); bytes < SharedPage::kBytes) {
      return std::unexpected(map_beyond_end(path, SharedPage::kBytes, bytes));
    }
    return map_shared_page(descriptor_.number(), path, access);
  }

  bool try_lock() { return !locked_.exchange(true); }
  void unlock() { locked_ = false; }

 private:
  struct View {
    std::shared_ptr<Region> region;
    std::uint64_t size;
  };

  View view() const {
    const MutexLock lock(mutex_);
    return View{.region = region_, .size = size_};
  }

  Result<std::shared_ptr<Region>> region_for(std::uint64_t size, std::string_view path) {
    const MutexLock lock(mutex_);
    if (size > region_->bytes().size()) {
      auto region = Region::map(descriptor_.number(), std::bit_ceil(size), path);
      if (!region) return region;
      region_ = *std::move(region);
    }
    return region_;
  }

  Descriptor descriptor_;
  std::atomic<bool> locked_ = false;
  mutable Mutex mutex_;
  std::shared_ptr<Region> region_ GUARDED_BY(mutex_);
  std::uint64_t size_ GUARDED_BY(mutex_) = 0;
};

namespace {

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryInode> inode, std::string path, FileSystem::Access access)
      : inode_(std::move(inode)), path_(std::move(path)), access_(access) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
    return inode_->read(offset, out);
  }
  Result<void> write(std::uint64_t offset,
                     std::span<const std::span<const std::byte>> parts) override {
    if (access_ == FileSystem::Access::Read) {
      return std::unexpected(system_error(path_, "write", EBADF));
    }
    return inode_->write(offset, parts, path_);
  }
  Result<void> sync() override { return {}; }
  Result<std::uint64_t> size() override { return inode_->size(); }
  Result<std::shared_ptr<const MappedFile>> map(std::uint64_t size) override {
    return inode_->map(size, path_);
  }

 private:
  std::shared_ptr<MemoryInode> inode_;
  std::string path_;  // for messages only
  FileSystem::Access access_;
};

class MemoryLock final : public FileLock {
 public:
  explicit MemoryLock(std::shared_ptr<MemoryInode> inode) : inode_(std::move(inode)) {}
  ~MemoryLock() override { inode_->unlock(); }
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;

  bool is_removed() const override { return false; }  // nobody else has these files

 private:
  std::shared_ptr<MemoryInode> inode_;
};

}  // namespace
}  // namespace internal

using internal::normal_path;
using internal::parent_path;
using internal::system_error;

MemoryFileSystem::MemoryFileSystem() {
  posix_environment().random->fill(boot_id_.bytes);
}

bool MemoryFileSystem::is_directory(std::string_view normal) const {
  return internal::is_root(normal) || directories_.contains(normal);
}

Result<MemoryFileSystem::Inode> MemoryFileSystem::find(std::string_view path) const {
  const MutexLock lock(mutex_);
  const auto entry = files_.find(normal_path(path));
  if (entry == files_.end()) return std::unexpected(system_error(path, "open", ENOENT));
  return entry->second;
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, Access access) {
  auto inode = find(path);
  if (!inode) return std::unexpected(std::move(inode).error());
  return std::make_unique<internal::MemoryFile>(*std::move(inode), path, access);
}

Result<std::unique_ptr<File>> MemoryFileSystem::create(const std::string& path) {
  const std::string normal = normal_path(path);
  auto inode = internal::MemoryInode::make(path);
  if (!inode) return std::unexpected(std::move(inode).error());

  const MutexLock lock(mutex_);
  if (!is_directory(parent_path(normal))) {
    return std::unexpected(system_error(path, "open", ENOENT));
  }
  if (is_directory(normal) || !files_.emplace(normal, *inode).second) {
    return std::unexpected(system_error(path, "open", EEXIST));
  }
  return std::make_unique<internal::MemoryFile>(*std::move(inode), path, Access::ReadWrite);
}

Result<void> MemoryFileSystem::create_directory(const std::string& path) {
  const std::string normal = normal_path(path);
  const MutexLock lock(mutex_);
  if (is_directory(normal)) return {};
  if (files_.contains(normal)) return std::unexpected(system_error(path, "mkdir", EEXIST));
  if (!is_directory(parent_path(normal))) {
    return std::unexpected(system_error(path, "mkdir", ENOENT));
  }
  directories_.insert(normal);
  return {};
}

Result<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string target = normal_path(to);
  const MutexLock lock(mutex_);
  const auto entry = files_.find(normal_path(from));
  if (entry == files_.end() || !is_directory(parent_path(target))) {
    return std::unexpected(system_error(from + " to " + to, "rename", ENOENT));
  }
  if (is_directory(target)) {
    return std::unexpected(system_error(from + " to " + to, "rename", EISDIR));
  }
  if (entry->first == target) return {};
  files_.insert_or_assign(target, entry->second);
  files_.erase(entry);
  return {};
}

Result<void> MemoryFileSystem::remove(const std::string& path) {
  const MutexLock lock(mutex_);
  if (files_.erase(normal_path(path)) == 0) {
    return std::unexpected(system_error(path, "unlink", ENOENT));
  }
  return {};
}

Result<bool> MemoryFileSystem::exists(const std::string& path) {
  const std::string normal = normal_path(path);
  const MutexLock lock(mutex_);
  return is_directory(normal) || files_.contains(normal);
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& directory) {
  const std::string normal = normal_path(directory);
  const MutexLock lock(mutex_);
  if (!is_directory(normal)) return std::unexpected(system_error(directory, "readdir", ENOENT));
  return internal::names_in(normal, files_, directories_);
}

Result<void> MemoryFileSystem::sync_directory(const std::string& directory) {
  const MutexLock lock(mutex_);
  if (is_directory(normal_path(directory))) return {};
  return std::unexpected(system_error(directory, "open", ENOENT));
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) {
  auto inode = find(path);
  if (!inode) return std::unexpected(std::move(inode).error());
  if (!(*inode)->try_lock()) {
    return std::unexpected(
        Error{.code = ErrorCode::StoreLocked, .message = path + ": locked by this process"});
  }
  return std::make_unique<internal::MemoryLock>(*std::move(inode));
}

Result<std::unique_ptr<SharedPage>> MemoryFileSystem::share_page(const std::string& path,
                                                                 Access access) {
  const auto inode = find(path);
  if (!inode) return std::unexpected(inode.error());
  return (*inode)->share_page(path, access);
}

}  // namespace eventstore
