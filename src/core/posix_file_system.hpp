#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file_system.hpp"

namespace eventstore {

// The files of the operating system (Linux). As FileSystem says; safe from any thread.
//
// After fork() the child must not use what was opened before it: maps and descriptors are shared
// with the parent, and locks stay the parent's.
class PosixFileSystem final : public FileSystem {
 public:
  PosixFileSystem();

  Result<std::unique_ptr<File>> open(const std::string& path, Access access) override;
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<void> create_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;  // files only
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<Directory>> open_directory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<SharedPage>> share_page(const std::string& path, Access access) override;

  // The kernel's. Where it is not to be had (no /proc), a random one for each process: then nothing
  // that was cached before is trusted.
  Uuid boot_id() override { return boot_id_; }

 private:
  Uuid boot_id_;
};

}  // namespace eventstore
