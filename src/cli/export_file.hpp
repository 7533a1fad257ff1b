#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "cli/errors.hpp"

struct ZSTD_CCtx_s;

namespace eventstore::cli {

// A file that is there whole or not at all: written beside its place and renamed by commit();
// without one it is removed. A file that it replaces hands on its permissions. What is there and is
// no file, such as a pipe or a device, is written to as it is. A name that ends in .zst is
// compressed. One thread at a time.
class ExportFile {
 public:
  // Fails where the path is a folder, or cannot be written to.
  static Expected<ExportFile> create(const std::string& path);
  ~ExportFile();
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;

  Expected<void> write(std::string_view text);
  // Ends what is written; syncs a file and gives it its name, in place of an older one.
  Expected<void> commit();
  std::uint64_t bytes() const { return bytes_; }  // in the file so far

 private:
  struct FreeCompressor {
    void operator()(ZSTD_CCtx_s* compressor) const;
  };

  ExportFile(std::string path, std::string temporary_path, int fd);
  static Expected<ExportFile> open_in_place(const std::string& path);
  static Expected<ExportFile> open_aside(const std::string& path, const struct stat* older);
  Expected<void> compress(std::string_view text, bool end);
  Expected<void> write_raw(std::string_view bytes);

  std::string path_;
  std::string temporary_path_;  // empty: written in place, or renamed
  int fd_;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<ZSTD_CCtx_s, FreeCompressor> compressor_;
  std::string compressed_;
};

}  // namespace eventstore::cli
