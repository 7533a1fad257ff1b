#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file_system.hpp"

namespace eventstore::log {

// Writes a file from its start, through a buffer.
//
// Threads: one at a time. Borrows the file.
class FileAppender {
 public:
  explicit FileAppender(File& file, std::uint64_t offset = 0) : file_(file), offset_(offset) {}

  Result<void> append(std::span<const std::byte> bytes);
  // Writes what is in the buffer.
  Result<void> flush();
  // Where the next byte goes.
  std::uint64_t offset() const { return offset_ + buffer_.size(); }

 private:
  File& file_;
  std::uint64_t offset_;
  std::vector<std::byte> buffer_;
};

// Hashes, each with a number, in a file of their own: more than may be held in memory, kept while
// the filter and the tables of a posting file are made of them.
//
// Threads: one at a time.
class HashSpill {
 public:
  // `path` names a new file.
  static Result<HashSpill> create(FileSystem& files, const std::string& path);

  Result<void> add(std::uint64_t hash, std::uint32_t number);
  // Everything was added.
  Result<void> finish() { return appender_->flush(); }
  std::uint64_t size() const { return size_; }

  using Visitor = std::function<void(std::uint64_t hash, std::uint32_t number)>;
  // Calls `visit` for `count` entries from `first` on, in the order in which they were added.
  Result<void> for_each(std::uint64_t first, std::uint64_t count, const Visitor& visit) const;

 private:
  explicit HashSpill(std::unique_ptr<File> file);

  std::unique_ptr<File> file_;
  std::unique_ptr<FileAppender> appender_;
  std::uint64_t size_ = 0;
};

// Where a section of cells goes.
struct CellSection {
  File& file;
  std::uint64_t offset = 0;  // in the file
  std::size_t cells = 0;
  std::uint32_t seed = 0;  // of the checksums
  // So many are made in memory at a time.
  std::size_t window_cells = std::size_t{1} << 18;
};

// Writes a section a window at a time, so that memory is bounded. The filter holds all hashes of
// the spill; a table `count` entries of it, from `first` on.
Result<void> write_filter(const CellSection& section, const HashSpill& spill);
Result<void> write_table(const CellSection& section, const HashSpill& spill, std::uint64_t first,
                         std::uint64_t count);

}  // namespace eventstore::log
