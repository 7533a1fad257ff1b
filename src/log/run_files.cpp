#include "log/run_files.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include <xxhash.h>

#include "core/codec.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/memory_index.hpp"
#include "log/posting_sections.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kDigits = 20;

std::string padded(std::uint64_t number) {
  auto digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

std::optional<std::uint64_t> number_in(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string RunFile::path(const std::string& folder) const {
  auto text = log_folder(folder) + "/" + padded(first_position.value) + "-";
  text += padded(last_position.value) + "." + std::to_string(level);
  return text.append(kPostingFileEnding);
}

std::optional<RunFile> RunFile::parse(std::string_view name) {
  constexpr std::size_t kNameBytes = kDigits * 2 + 3 + kPostingFileEnding.size();
  if (name.size() != kNameBytes || !name.ends_with(kPostingFileEnding) || name[kDigits] != '-' ||
      name[kDigits * 2 + 1] != '.') {
    return std::nullopt;
  }
  const auto first = number_in(name.substr(0, kDigits));
  const auto last = number_in(name.substr(kDigits + 1, kDigits));
  const auto level = number_in(name.substr(kDigits * 2 + 2, 1));
  if (!first || !last || !level || *first == 0 || *last < *first ||
      *level > std::uint64_t{kMergeLevels}) {
    return std::nullopt;
  }
  return RunFile{
      .first_position = {*first}, .last_position = {*last}, .level = static_cast<int>(*level)};
}

Result<std::vector<RunFile>> list_run_files(FileSystem& files, const std::string& folder) {
  const auto names = files.list(log_folder(folder));
  if (!names) return std::unexpected(names.error());
  std::vector<RunFile> found;
  for (const auto& name : *names) {
    if (const auto run_file = RunFile::parse(name)) found.push_back(*run_file);
  }
  std::ranges::sort(found, {}, [](const RunFile& file) {
    return std::tuple(file.first_position.value, ~file.last_position.value, -file.level);
  });
  return found;
}

RunIdentity run_identity(const SegmentList& segments, GlobalPosition first, GlobalPosition last,
                         std::uint64_t secret) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto first_position = [](const auto& segment) { return segment->first_position(); };
  for (auto ordinal = part_of(segments, first, first_position);
       ordinal < segments.size() && segments[ordinal]->first_position() <= last; ++ordinal) {
    const auto& header = segments[ordinal]->header();
    XXH3_128bits_update(state.get(), header.store_id.bytes.data(), header.store_id.bytes.size());
    XXH3_128bits_update(state.get(), header.segment_id.bytes.data(),
                        header.segment_id.bytes.size());
  }
  XXH128_canonical_t canonical{};
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  const auto digest = std::as_bytes(std::span(canonical.digest));
  RunIdentity identity{
      .run_id = {}, .seed = crc32c(digest), .first_position = first, .secret = secret};
  std::ranges::copy(digest, identity.run_id.bytes.begin());
  return identity;
}

Result<std::shared_ptr<const Run>> open_run(FileSystem& files, const std::string& folder,
                                            const SegmentList& segments, const RunFile& run_file,
                                            std::uint64_t secret) {
  const auto path = run_file.path(folder);
  auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return std::unexpected(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  auto mapped = (*file)->map(*size);
  if (!mapped) return std::unexpected(std::move(mapped).error());
  const auto identity =
      run_identity(segments, run_file.first_position, run_file.last_position, secret);
  if (is_of_other_segments((*mapped)->bytes(), identity)) {
    return std::unexpected(
        Error{.code = ErrorCode::NotFound,
              .message = path + ": the posting file is of other segments than the log has"});
  }
  auto index = PostingFile::open(*std::move(mapped), identity, path);
  if (!index) return std::unexpected(std::move(index).error());
  if ((*index)->postings() != run_file.last_position.value - run_file.first_position.value + 1) {
    return std::unexpected(
        corruption({.file = path}, "the posting file has not as many positions as its name says"));
  }
  return std::make_shared<const Run>(Run{.first_position = run_file.first_position,
                                         .index = *std::move(index),
                                         .level = run_file.level});
}

Result<std::shared_ptr<const Run>> write_run(FileSystem& files, const std::string& folder,
                                             const SegmentList& segments, const Run& run,
                                             GlobalPosition last, std::uint64_t secret) {
  const RunFile run_file{.first_position = run.first_position, .last_position = last};
  const auto& index = dynamic_cast<const MemoryIndex&>(*run.index);
  const auto contents = index.contents(run_identity(segments, run.first_position, last, secret));
  if (auto written = replace_file(files, log_folder(folder), run_file.path(folder),
                                  encode_posting_file(contents));
      !written) {
    return std::unexpected(std::move(written).error());
  }
  return open_run(files, folder, segments, run_file, secret);
}

}  // namespace eventstore::log
