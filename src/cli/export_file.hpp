#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cli/errors.hpp"

struct ZSTD_CCtx_s;

namespace eventstore::cli {

// A file that is there whole or not at all: written beside its place and renamed by commit();
// without one it is removed. A name that ends in .zst is compressed. One thread at a time.
class ExportFile {
 public:
  static Expected<ExportFile> create(const std::string& path);
  ~ExportFile();
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;

  Expected<void> write(std::string_view text);
  // Syncs the file and gives it its name, in place of an older file.
  Expected<void> commit();
  std::uint64_t bytes() const { return bytes_; }  // in the file so far

 private:
  struct FreeCompressor {
    void operator()(ZSTD_CCtx_s* compressor) const;
  };

  ExportFile(std::string path, std::string temporary_path, int fd);
  Expected<void> compress(std::string_view text, bool end);
  Expected<void> write_raw(std::string_view bytes);
  Failure failed(std::string_view what, int error_number) const;

  std::string path_;
  std::string temporary_path_;
  int fd_;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<ZSTD_CCtx_s, FreeCompressor> compressor_;
  std::string compressed_;
};

}  // namespace eventstore::cli
