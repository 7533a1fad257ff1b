#include "cli/export_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

namespace eventstore::cli {
namespace {

// What a plain new file would have; mkstemp() gives fewer permissions.
mode_t new_file_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

Failure cannot_create(const std::string& path, int error_number) {
  return io_failure("cannot create " + path, error_number);
}

}  // namespace

void ExportFile::FreeCompressor::operator()(ZSTD_CCtx_s* compressor) const {
  ZSTD_freeCCtx(compressor);
}

Expected<ExportFile> ExportFile::create(const std::string& path) {
  struct stat there{};
  const bool exists = ::stat(path.c_str(), &there) == 0;
  if (path.empty()) return std::unexpected(cannot_create(path, ENOENT));
  if (exists && S_ISDIR(there.st_mode)) return std::unexpected(cannot_create(path, EISDIR));
  auto file = exists && !S_ISREG(there.st_mode) ? open_in_place(path)
                                                : open_aside(path, exists ? &there : nullptr);
  if (file && path.ends_with(".zst")) {
    file->compressor_.reset(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(file->compressor_.get(), ZSTD_c_checksumFlag, 1);
    file->compressed_.resize(ZSTD_CStreamOutSize());
  }
  return file;
}

Expected<ExportFile> ExportFile::open_in_place(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::unexpected(cannot_create(path, errno));
  return ExportFile(path, {}, fd);
}

Expected<ExportFile> ExportFile::open_aside(const std::string& path, const struct stat* older) {
  // A symbolic link stays one: what it leads to is replaced.
  std::error_code error;
  const std::string target =
      older != nullptr ? std::filesystem::canonical(path, error).string() : path;
  if (error) return std::unexpected(cannot_create(path, error.value()));
  std::string temporary_path = target + ".XXXXXX";
  const int fd = ::mkostemp(temporary_path.data(), O_CLOEXEC);
  if (fd < 0) return std::unexpected(cannot_create(path, errno));
  // Where the owner cannot be kept, the file is that of whoever exports.
  if (older != nullptr && ::fchown(fd, older->st_uid, older->st_gid) != 0) errno = 0;
  ::fchmod(fd, older != nullptr ? older->st_mode & 0777 : new_file_mode());
  return ExportFile(target, std::move(temporary_path), fd);
}

ExportFile::ExportFile(std::string path, std::string temporary_path, int fd)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(fd) {}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, {})),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      compressor_(std::move(other.compressor_)),
      compressed_(std::move(other.compressed_)) {}

ExportFile::~ExportFile() {
  if (fd_ >= 0) ::close(fd_);
  std::error_code ignored;  // what cannot be removed stays; the export failed either way
  if (!temporary_path_.empty()) std::filesystem::remove(temporary_path_, ignored);
}

Expected<void> ExportFile::write(std::string_view text) {
  return compressor_ ? compress(text, false) : write_raw(text);
}

Expected<void> ExportFile::commit() {
  if (compressor_) {
    const auto ended = compress({}, true);
    if (!ended) return ended;
  }
  if (temporary_path_.empty()) return {};  // nothing to sync, nor to give a name
  if (::fsync(fd_) != 0) return std::unexpected(io_failure("cannot sync " + path_, errno));
  std::error_code error;
  std::filesystem::rename(temporary_path_, path_, error);
  if (error) return std::unexpected(io_failure("cannot rename to " + path_, error.value()));
  temporary_path_.clear();
  return {};
}

Expected<void> ExportFile::compress(std::string_view text, bool end) {
  ZSTD_inBuffer input{.src = text.data(), .size = text.size(), .pos = 0};
  for (;;) {
    ZSTD_outBuffer output{.dst = compressed_.data(), .size = compressed_.size(), .pos = 0};
    const auto left = ZSTD_compressStream2(compressor_.get(), &output, &input,
                                           end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
      return std::unexpected(
          Failure("io", "cannot compress " + path_ + ": " + ZSTD_getErrorName(left)));
    }
    const auto written = write_raw({compressed_.data(), output.pos});
    if (!written) return written;
    if (end ? left == 0 : input.pos == input.size) return {};
  }
}

Expected<void> ExportFile::write_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(io_failure("cannot write " + path_, errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

}  // namespace eventstore::cli
