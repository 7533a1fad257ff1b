#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/result.hpp"

// The names in a store's folder, and how files in it come to be.
namespace eventstore::log {

// `revision`: how often it was rewritten.
inline std::string segment_path(const std::string& folder, std::uint64_t number,
                                std::uint64_t revision = 0) {
  auto digits = std::to_string(number);
  auto path = folder + "/log/" + std::string(20 - digits.size(), '0') + digits;
  if (revision != 0) path += "." + std::to_string(revision);
  return path + ".seg";
}
// The number in the name of a segment file. Absent: it is the name of something else.
std::optional<std::uint64_t> segment_number(std::string_view name);
inline std::string log_folder(const std::string& folder) {
  return folder + "/log";
}
inline std::string manifest_path(const std::string& folder) {
  return folder + "/MANIFEST";
}
inline std::string head_path(const std::string& folder) {
  return folder + "/HEAD";
}
inline std::string lock_path(const std::string& folder) {
  return folder + "/LOCK";
}

inline std::string scrub_path(const std::string& folder) {
  return folder + "/SCRUB";
}

// Makes the names in `directory` durable.
Result<void> sync_names(FileSystem& files, const std::string& directory);
Result<void> sync_names(Directory& directory);

// The whole of a small file, at most 64 MiB.
Result<std::string> read_file(FileSystem& files, const std::string& path);

// Puts a file in the place of what was there, at once and durably: written as PATH.tmp, synced,
// renamed, `directory` (the one it is in) synced. Where it fails for want of room, descriptors or
// memory, what was there stands; else either may.
Result<void> replace_file(FileSystem& files, const std::string& directory, const std::string& path,
                          std::span<const std::byte> contents);

// The same, of bytes in several parts.
Result<void> replace_file_with(FileSystem& files, const std::string& directory,
                               const std::string& path,
                               std::span<const std::span<const std::byte>> parts);

// Removes a file that may not exist.
Result<void> remove_if_there(FileSystem& files, const std::string& path);

}  // namespace eventstore::log
