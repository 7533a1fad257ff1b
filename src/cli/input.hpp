#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/errors.hpp"

struct ZSTD_DCtx_s;

namespace eventstore::cli {

// The bytes of a file or of standard input, decompressed if they are zstd's (told by their first
// bytes, not by the name). One thread at a time, but for share_used().
class Input {
 public:
  // `path` "-" is standard input. A wait for input ends with "cancelled" once `wake_fd` is
  // readable; -1: it does not end.
  static Expected<std::unique_ptr<Input>> open(const std::string& path, int wake_fd);

  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Fills the beginning of `out`, which is not empty, and returns how much of it; 0 is the end.
  Expected<std::size_t> read(std::span<char> out);

  // How the input is called in messages.
  const std::string& name() const { return name_; }

  // How much of the file has been handed on by read(), 0 to 1; absent where its size is not known.
  // Any thread.
  std::optional<double> share_used() const;

 private:
  struct FreeDecompressor {
    void operator()(ZSTD_DCtx_s* decompressor) const;
  };
  struct CloseFile {
    void operator()(std::FILE* file) const;
  };

  Input(std::string name, std::FILE* file, int wake_fd);
  Expected<void> detect_compression();
  Expected<std::size_t> read_raw(std::span<char> out);
  Expected<std::size_t> decompress(std::span<char> out);
  Failure bad_input(const std::string& reason) const;

  std::string name_;
  std::unique_ptr<std::FILE, CloseFile> file_;  // its descriptor alone is read
  int wake_fd_;
  std::uint64_t size_ = 0;  // of a regular file
  std::atomic<std::uint64_t> raw_used_ = 0;

  std::vector<char> raw_;  // read, and not yet handed on or decompressed: from raw_begin_ on
  std::size_t raw_begin_ = 0;
  std::unique_ptr<ZSTD_DCtx_s, FreeDecompressor> decompressor_;
  bool in_frame_ = false;  // of zstd: the input may not end here
};

}  // namespace eventstore::cli
