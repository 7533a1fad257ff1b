#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "core/thread_annotations.hpp"

namespace eventstore {

namespace internal {
class MemoryInode;
}  // namespace internal

// Files that live in this process's memory and end with it: for `memory:` stores and for tests.
// Relative paths start at a directory that is always there. Each file costs a descriptor (a memfd)
// for as long as it is in the directory, open or mapped. Safe from any thread.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();

  Result<std::unique_ptr<File>> open(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<void> create_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;  // files only
  Result<void> remove(const std::string& path) override;                         // files only
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<SharedPage>> share_page(const std::string& path, Access access) override;
  Uuid boot_id() override { return boot_id_; }  // of its own

 private:
  using Inode = std::shared_ptr<internal::MemoryInode>;

  Result<Inode> find(std::string_view path) const EXCLUDES(mutex_);
  bool is_directory(std::string_view normal) const REQUIRES(mutex_);

  Uuid boot_id_;
  mutable Mutex mutex_;
  std::map<std::string, Inode, std::less<>> files_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> directories_ GUARDED_BY(mutex_);
};

}  // namespace eventstore
