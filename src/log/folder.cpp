#include "log/folder.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "core/campaign_hooks.hpp"

namespace eventstore::log {
namespace {

constexpr std::uint64_t kSmallFileBytesMax = std::uint64_t{64} << 20;

Result<void> write_new_file(FileSystem& files, const std::string& path,
                            std::span<const std::span<const std::byte>> parts) {
  auto file = files.create(path);
  if (!file) return std::unexpected(std::move(file).error());
  if (auto written = (*file)->write(0, parts); !written) return written;
  return (*file)->sync();
}

}  // namespace

std::optional<std::uint64_t> segment_number(std::string_view name) {
  if (!name.ends_with(".seg")) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = failure == std::errc{} && *end == '.';
  return is_number ? std::optional(number) : std::nullopt;
}

Result<void> sync_names(FileSystem& files, const std::string& directory) {
  const auto opened = files.open_directory(directory);
  if (!opened) return std::unexpected(opened.error());
  return sync_names(**opened);
}

Result<void> sync_names(Directory& directory) {
  if (is_planted(Plant::SkipDirectorySync)) return {};
  auto synced = directory.sync();
  // Whatever the reason, which names are durable is unknown: never take it for "nothing was done".
  if (!synced) synced.error().code = ErrorCode::Io;
  return synced;
}

Result<std::string> read_file(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return std::unexpected(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > kSmallFileBytesMax) {
    return std::unexpected(Error{.code = ErrorCode::Corruption,
                                 .message = path + ": the file is far larger than it can be",
                                 .details = DamageDetails{.file = path}});
  }
  std::string contents(*size, '\0');
  const auto count = (*file)->read(0, std::as_writable_bytes(std::span(contents)));
  if (!count) return std::unexpected(count.error());
  contents.resize(*count);
  return contents;
}

Result<void> replace_file(FileSystem& files, const std::string& directory, const std::string& path,
                          std::span<const std::byte> contents) {
  const std::array parts{contents};
  return replace_file_with(files, directory, path, parts);
}

Result<void> replace_file_with(FileSystem& files, const std::string& directory,
                               const std::string& path,
                               std::span<const std::span<const std::byte>> parts) {
  const auto opened = files.open_directory(directory);
  if (!opened) return std::unexpected(opened.error());
  const auto aside = path + ".tmp";
  if (auto removed = remove_if_there(files, aside); !removed) return removed;
  if (auto written = write_new_file(files, aside, parts); !written) {
    static_cast<void>(remove_if_there(files, aside));  // the failure to write is what counts
    return written;
  }
  if (auto renamed = files.rename(aside, path); !renamed) return renamed;
  return sync_names(**opened);
}

Result<void> remove_if_there(FileSystem& files, const std::string& path) {
  auto removed = files.remove(path);
  if (!removed && removed.error().code == ErrorCode::NotFound) return {};
  return removed;
}

}  // namespace eventstore::log
