#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/result.hpp"

// The names in a store's folder, and how files in it come to be.
namespace eventstore::log {

inline std::string numbered(const std::string& folder, std::uint64_t number, const char* ending) {
  auto digits = std::to_string(number);
  return folder + "/log/" + std::string(20 - digits.size(), '0') + digits + ending;
}
inline std::string segment_path(const std::string& folder, std::uint64_t number) {
  return numbered(folder, number, ".seg");
}
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
