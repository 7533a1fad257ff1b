#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/check.hpp"
#include "core/codec.hpp"
#include "core/file_system.hpp"

namespace eventstore {

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
