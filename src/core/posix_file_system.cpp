#include "core/posix_file_system.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/codec.hpp"
#include "core/posix_environment.hpp"
#include "core/posix_file.hpp"
#include "core/posix_lock.hpp"
#include "core/posix_shared_page.hpp"

namespace eventstore {
namespace {

using internal::open_descriptor;
using internal::system_error;

constexpr mode_t kDirectoryMode = 0777;  // the umask decides
constexpr std::size_t kUuidTextBytes = 36;

int flags_of(FileSystem::Access access) {
  return access == FileSystem::Access::ReadWrite ? O_RDWR : O_RDONLY;
}

Result<std::unique_ptr<File>> open_file(const std::string& path, int flags) {
  auto descriptor = open_descriptor(path, flags);
  if (!descriptor) return std::unexpected(std::move(descriptor).error());
  return std::make_unique<internal::PosixFile>(*std::move(descriptor), path);
}

// The nil id where /proc is not there: all processes of such a machine then take a HEAD page for
// one of this boot, and show nothing beyond it.
Uuid read_boot_id() {
  std::array<char, kUuidTextBytes> text{};
  const auto file = open_file("/proc/sys/kernel/random/boot_id", O_RDONLY);
  if (file) {
    const auto count = (*file)->read(0, std::as_writable_bytes(std::span(text)));
    if (count && *count == kUuidTextBytes) {
      const auto parsed = Uuid::parse(std::string_view(text.data(), text.size()));
      if (parsed) return *parsed;
    }
  }
  return {};
}

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(internal::Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<void> sync() override {
    if (fsync(descriptor_.number()) == 0) return {};
    return std::unexpected(system_error(path_, "fsync", errno));
  }

 private:
  internal::Descriptor descriptor_;
  std::string path_;  // for messages only
};

}  // namespace

PosixFileSystem::PosixFileSystem() : boot_id_(read_boot_id()) {}

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, Access access) {
  return open_file(path, flags_of(access));
}

Result<std::unique_ptr<File>> PosixFileSystem::create(const std::string& path) {
  return open_file(path, O_RDWR | O_CREAT | O_EXCL);
}

Result<void> PosixFileSystem::create_directory(const std::string& path) {
  if (mkdir(path.c_str(), kDirectoryMode) == 0) return {};
  const int error_number = errno;
  struct stat status{};
  if (error_number == EEXIST && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return {};
  }
  return std::unexpected(system_error(path, "mkdir", error_number));
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return {};
  return std::unexpected(system_error(from + " to " + to, "rename", errno));
}

Result<void> PosixFileSystem::remove(const std::string& path) {
  if (unlink(path.c_str()) == 0) return {};
  return std::unexpected(system_error(path, "unlink", errno));
}

Result<bool> PosixFileSystem::exists(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return std::unexpected(system_error(path, "stat", errno));
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  while (!error && entries != std::filesystem::directory_iterator()) {
    names.push_back(entries->path().filename().string());
    entries.increment(error);
  }
  if (error) return std::unexpected(system_error(directory, "readdir", error.value()));
  std::ranges::sort(names);
  return names;
}

Result<void> PosixFileSystem::sync_directory(const std::string& directory) {
  const auto opened = open_directory(directory);
  if (!opened) return std::unexpected(opened.error());
  return (*opened)->sync();
}

Result<std::unique_ptr<Directory>> PosixFileSystem::open_directory(const std::string& directory) {
  auto descriptor = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
  if (!descriptor) return std::unexpected(std::move(descriptor).error());
  return std::make_unique<PosixDirectory>(*std::move(descriptor), directory);
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
  return internal::lock_file(path);
}

Result<std::unique_ptr<SharedPage>> PosixFileSystem::share_page(const std::string& path,
                                                                Access access) {
  const auto descriptor = open_descriptor(path, flags_of(access));
  if (!descriptor) return std::unexpected(descriptor.error());
  return internal::map_shared_page(descriptor->number(), path, access);
}

}  // namespace eventstore
