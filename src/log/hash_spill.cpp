#include "log/hash_spill.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/codec.hpp"
#include "log/posting_cells.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kEntryBytes = 12;

Result<void> write_at(File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::array parts{bytes};
  return file.write(offset, parts);
}

struct Entry {
  std::uint64_t hash;
  std::uint32_t number;
};

// The cells of a section from one to another.
struct Window {
  std::size_t first = 0;
  std::vector<std::byte> bytes;

  std::size_t end() const { return first + bytes.size() / kCellBytes; }
  bool has(std::size_t cell) const { return cell >= first && cell < end(); }
  std::span<std::byte> from(std::size_t cell) {
    return std::span(bytes).subspan((cell - first) * kCellBytes);
  }
};

// Fills one window after another and writes it.
Result<void> write_windows(const CellSection& section,
                           const std::function<Result<void>(Window&)>& fill) {
  for (std::size_t first = 0; first < section.cells; first += section.window_cells) {
    Window window{.first = first, .bytes = {}};
    window.bytes.resize(std::min(section.window_cells, section.cells - first) * kCellBytes);
    if (auto filled = fill(window); !filled) return filled;
    seal_cells(window.bytes, section.seed);
    auto written = write_at(section.file, section.offset + first * kCellBytes, window.bytes);
    if (!written) return written;
  }
  return {};
}

// Entries that found no free slot up to the end of the section go on at its start.
Result<void> wrap_around(const CellSection& section, std::span<const Entry> entries) {
  for (auto at = section.offset; !entries.empty(); at += kCellBytes) {
    std::array<std::byte, kCellBytes> bytes{};
    if (const auto read = section.file.read(at, bytes); !read) {
      return std::unexpected(read.error());
    }
    while (!entries.empty() && add_to_cells(bytes, entries.front().hash, entries.front().number)) {
      entries = entries.subspan(1);
    }
    seal_cells(bytes, section.seed);
    if (auto written = write_at(section.file, at, bytes); !written) return written;
  }
  return {};
}

}  // namespace

Result<void> FileAppender::append(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return buffer_.size() < kBufferBytes ? Result<void>() : flush();
}

Result<void> FileAppender::flush() {
  auto written = write_at(file_, offset_, buffer_);
  offset_ += buffer_.size();
  buffer_.clear();
  return written;
}

HashSpill::HashSpill(std::unique_ptr<File> file)
    : file_(std::move(file)), appender_(std::make_unique<FileAppender>(*file_)) {}

Result<HashSpill> HashSpill::create(FileSystem& files, const std::string& path) {
  auto file = files.create(path);
  if (!file) return std::unexpected(std::move(file).error());
  return HashSpill(*std::move(file));
}

Result<void> HashSpill::add(std::uint64_t hash, std::uint32_t number) {
  std::array<std::byte, kEntryBytes> entry{};
  store_le(entry.data(), hash);
  store_le(entry.data() + 8, number);
  ++size_;
  return appender_->append(entry);
}

Result<void> HashSpill::for_each(std::uint64_t first, std::uint64_t count,
                                 const Visitor& visit) const {
  std::vector<std::byte> buffer(kBufferBytes / kEntryBytes * kEntryBytes);
  for (auto offset = first * kEntryBytes, end = (first + count) * kEntryBytes; offset < end;) {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), end - offset);
    const auto read = file_->read(offset, std::span(buffer).first(wanted));
    if (!read) return std::unexpected(read.error());
    if (*read != wanted) {
      return std::unexpected(
          Error{.code = ErrorCode::Io, .message = "a file being written was cut short"});
    }
    for (std::size_t at = 0; at < wanted; at += kEntryBytes) {
      visit(load_le<std::uint64_t>(buffer.data() + at),
            load_le<std::uint32_t>(buffer.data() + at + 8));
    }
    offset += wanted;
  }
  return {};
}

Result<void> write_filter(const CellSection& section, const HashSpill& spill) {
  return write_windows(section, [&](Window& window) {
    return spill.for_each(0, spill.size(), [&](std::uint64_t hash, std::uint32_t) {
      const auto cell = cell_of(hash, section.cells);
      if (window.has(cell)) add_to_filter_cell(window.from(cell).data(), hash);
    });
  });
}

Result<void> write_table(const CellSection& section, const HashSpill& spill, std::uint64_t first,
                         std::uint64_t count) {
  std::vector<Entry> carried;  // out of the window before
  const auto fill = [&](Window& window) {
    std::vector<Entry> beyond;
    const auto put = [&](std::size_t cell, Entry entry) {
      if (!add_to_cells(window.from(cell), entry.hash, entry.number)) beyond.push_back(entry);
    };
    for (const auto& entry : carried) put(window.first, entry);
    auto filled = spill.for_each(first, count, [&](std::uint64_t hash, std::uint32_t number) {
      const auto cell = cell_of(hash, section.cells);
      if (window.has(cell)) put(cell, {.hash = hash, .number = number});
    });
    carried = std::move(beyond);
    return filled;
  };
  if (auto written = write_windows(section, fill); !written) return written;
  return wrap_around(section, carried);
}

}  // namespace eventstore::log
