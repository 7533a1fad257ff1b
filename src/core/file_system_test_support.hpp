#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX's

#include "core/check.hpp"
#include "core/codec.hpp"
#include "core/file_system.hpp"

namespace eventstore {

// A new directory of the operating system, removed with all that is in it at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "eventstore-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline Result<void> write_text(File& file, std::uint64_t offset, std::string_view text) {
  const std::array parts{as_bytes(text)};
  return file.write(offset, parts);
}

inline std::string read_text(File& file, std::uint64_t offset, std::size_t size) {
  std::string text(size, '?');
  const auto count = file.read(offset, std::as_writable_bytes(std::span(text)));
  if (!count) return count.error().message;
  text.resize(*count);
  return text;
}

// A new file with `text` in it, open.
inline std::unique_ptr<File> file_with(FileSystem& files, const std::string& path,
                                       std::string_view text) {
  auto file = files.create(path);
  CHECK(file.has_value());
  CHECK(write_text(**file, 0, text).has_value());
  return *std::move(file);
}

inline std::string contents_of(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return file.error().message;
  const auto size = (*file)->size();
  return size ? read_text(**file, 0, *size) : size.error().message;
}

}  // namespace eventstore
