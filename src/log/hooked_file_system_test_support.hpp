#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/file_system.hpp"

namespace eventstore::log {

// Another file system, with a hook that is called before each call on a path or an open file: where
// a test lets another process do something at just that moment.
class HookedFileSystem final : public FileSystem {
 public:
  using Hook = std::function<void(std::string_view call, const std::string& path)>;

  explicit HookedFileSystem(FileSystem& files) : files_(files) {}

  void set_hook(Hook hook) { hook_ = std::move(hook); }

  Result<std::unique_ptr<File>> open(const std::string& path, Access access) override {
    call("open", path);
    auto file = files_.open(path, access);
    if (!file) return file;
    return std::make_unique<HookedFile>(*this, *std::move(file), path);
  }
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    call("create", path);
    return files_.create(path);
  }
  Result<void> create_directory(const std::string& path) override {
    return files_.create_directory(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    call("list", directory);
    return files_.list(directory);
  }
  Result<void> sync_directory(const std::string& directory) override {
    return files_.sync_directory(directory);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return files_.lock(path);
  }
  Result<std::unique_ptr<SharedPage>> share_page(const std::string& path, Access access) override {
    return files_.share_page(path, access);
  }
  Uuid boot_id() override { return files_.boot_id(); }

 private:
  class HookedFile final : public File {
   public:
    HookedFile(HookedFileSystem& files, std::unique_ptr<File> file, std::string path)
        : files_(files), file_(std::move(file)), path_(std::move(path)) {}

    Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
      return file_->read(offset, out);
    }
    Result<void> write(std::uint64_t offset,
                       std::span<const std::span<const std::byte>> parts) override {
      files_.call("write", path_);
      return file_->write(offset, parts);
    }
    Result<void> sync() override {
      files_.call("sync", path_);
      return file_->sync();
    }
    Result<std::uint64_t> size() override {
      files_.call("size", path_);
      return file_->size();
    }
    Result<std::shared_ptr<const MappedFile>> map(std::uint64_t size) override {
      return file_->map(size);
    }

   private:
    HookedFileSystem& files_;
    std::unique_ptr<File> file_;
    const std::string path_;
  };

  void call(std::string_view name, const std::string& path) {
    if (hook_) hook_(name, path);
  }

  FileSystem& files_;
  Hook hook_;
};

}  // namespace eventstore::log
