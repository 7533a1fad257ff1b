#include "log/verify.hpp"

#include <algorithm>
#include <utility>

#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/posting_file.hpp"
#include "log/segment_files.hpp"

namespace eventstore::log {
namespace {

// Verifies one segment after another and collects what is wrong.
class Verification {
 public:
  Verification(FileSystem& files, const std::string& folder, const Manifest& manifest)
      : files_(files), folder_(folder), manifest_(manifest) {}

  Result<void> check(const Segment& segment, GlobalPosition last, bool is_active) {
    const auto bytes_end = segment.durable_bytes();
    const auto mapped = segment.map();
    if (!mapped) return take_for_lost(mapped.error());
    const auto bytes = (*mapped)->bytes().first(bytes_end);
    ++report_.segments;
    report_.bytes += bytes.size();

    const auto header = decode_segment_header(bytes, segment.path());
    if (!header) {
      report_.findings.push_back(
          {.message = header.error().message, .where = {.file = segment.path()}});
    } else if (!first_ && header->link != link_) {
      add({.file = segment.path()}, "the segment does not follow the one before it");
    }
    auto scanned = scan_segment(bytes, segment.header(), segment.path(), manifest_.index_secret);
    report_.events += scanned.index->events();
    for (auto& finding : scanned.damage) report_.findings.push_back(std::move(finding));
    // Of the active segment there may be more by now than when the head was read.
    const auto end = scanned.end.next_position.value;
    if (end < last.value + 1 || (!is_active && end > last.value + 1)) {
      DamageDetails where{.file = segment.path(),
                          .offset = scanned.end.offset,
                          .first_position = scanned.end.next_position,
                          .last_position = last};
      add(std::move(where), "the rest of the segment is unreadable");
    }
    link_ = scanned.end.link;
    first_ = false;
    if (is_active) return {};
    if (auto checked = check_digest(segment); !checked) return checked;
    return check_posting_file(segment, *scanned.index);
  }

  VerifyReport take() { return std::move(report_); }

 private:
  // A segment of which nothing can be read; what follows it cannot be compared with its end.
  Result<void> take_for_lost(const Error& error) {
    const auto* const where = std::get_if<DamageDetails>(&error.details);
    if (error.code != ErrorCode::Corruption || where == nullptr) return std::unexpected(error);
    ++report_.segments;
    report_.findings.push_back({.message = error.message, .where = *where});
    first_ = true;
    return {};
  }

  void add(DamageDetails where, std::string_view what) {
    auto message = corruption(where, what).message;
    report_.findings.push_back({.message = std::move(message), .where = std::move(where)});
  }

  Result<void> check_digest(const Segment& segment) {
    const auto listed =
        std::ranges::find(manifest_.segments, segment.header().number, &ManifestSegment::number);
    if (listed == manifest_.segments.end() || listed->digest.empty()) return {};
    const auto digest = segment_digest(segment, listed->bytes);
    if (!digest && digest.error().code != ErrorCode::Corruption) {
      return std::unexpected(digest.error());
    }
    if (!digest || *digest != listed->digest) {
      add({.file = segment.path(),
           .first_position = listed->first_position,
           .last_position = listed->last_position.value_or(listed->first_position)},
          "the segment's digest is not the one in the manifest");
    }
    return {};
  }

  // A posting file made from the segment as it is now must be the same to the byte.
  Result<void> check_posting_file(const Segment& segment, const MemoryIndex& index) {
    const auto path = posting_file_path(folder_, segment.header().number);
    auto file = files_.open(path, FileSystem::Access::Read);
    if (!file) {
      if (file.error().code == ErrorCode::NotFound) return {};  // made when it is needed
      return std::unexpected(std::move(file).error());
    }
    const auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    const auto mapped = (*file)->map(*size);
    if (!mapped) return std::unexpected(mapped.error());
    report_.bytes += *size;
    const auto expected =
        encode_posting_file(index.contents(segment.posting_file_identity(manifest_.index_secret)));
    const auto bytes = (*mapped)->bytes();
    const auto difference = std::ranges::mismatch(bytes, expected).in1;
    if (difference == bytes.end() && bytes.size() == expected.size()) return {};
    add({.file = path, .offset = static_cast<std::uint64_t>(difference - bytes.begin())},
        "the posting file does not agree with its segment; remove it, and it is made again when "
        "the store is opened for writing");
    return {};
  }

  FileSystem& files_;
  const std::string& folder_;
  const Manifest& manifest_;
  VerifyReport report_;
  std::uint32_t link_ = 0;
  bool first_ = true;
};

Result<std::uint64_t> file_bytes(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Access::Read);
  if (!file) {
    if (file.error().code == ErrorCode::NotFound) return 0;
    return std::unexpected(file.error());
  }
  return (*file)->size();
}

// How many streams segment `ordinal` is the first to have.
Result<std::uint64_t> count_new_streams(const Snapshot& snapshot, std::size_t ordinal,
                                        std::uint64_t secret) {
  std::uint64_t count = 0;
  Result<void> failure;
  const auto last = snapshot.last_position(ordinal);
  const auto& segment = (*snapshot.segments)[ordinal];
  if (last < segment->first_position()) return 0;
  const auto index = segment->index();
  const auto visit = [&](std::string_view name, const KeyEntry& entry) {
    Posting posting = 0;
    const auto visible =
        index->fetch(entry, segment->posting_of(last), Direction::Backwards, {&posting, 1});
    if (!visible) failure = std::unexpected(visible.error());
    if (!visible || *visible == 0) return visible.has_value();
    const Key key{
        .kind = KeyKind::Stream, .text = name, .hash = hash_key(KeyKind::Stream, name, secret)};
    for (std::size_t before = 0; before < ordinal; ++before) {
      const auto found = (*snapshot.segments)[before]->index()->find(key);
      if (!found) failure = std::unexpected(found.error());
      if (!found || *found) return found.has_value();
    }
    ++count;
    return true;
  };
  auto walked = index->list_keys(KeyKind::Stream, "", "", visit);
  if (walked) walked = std::move(failure);
  if (!walked) return std::unexpected(std::move(walked).error());
  return count;
}

}  // namespace

Result<VerifyReport> verify_log(FileSystem& files, const std::string& folder,
                                const Snapshot& snapshot, const Manifest& manifest) {
  Verification verification(files, folder, manifest);
  for (std::size_t i = 0; i < snapshot.segments->size(); ++i) {
    const bool is_active = i + 1 == snapshot.segments->size();
    if (auto checked =
            verification.check(*(*snapshot.segments)[i], snapshot.last_position(i), is_active);
        !checked) {
      return std::unexpected(std::move(checked).error());
    }
  }
  return verification.take();
}

Result<StoreStats> count_log(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                             std::uint64_t secret) {
  StoreStats stats{.head = snapshot.head, .segments = snapshot.segments->size()};
  for (const auto& path : {manifest_path(folder), head_path(folder)}) {
    const auto bytes = file_bytes(files, path);
    if (!bytes) return std::unexpected(bytes.error());
    stats.bytes += *bytes;
  }
  for (std::size_t i = 0; i < snapshot.segments->size(); ++i) {
    const auto& segment = *(*snapshot.segments)[i];
    if (const auto damage = segment.damage()) return std::unexpected(error_of(damage->front()));
    const auto segment_bytes = segment.file().size();
    const auto posting_bytes =
        file_bytes(files, posting_file_path(folder, segment.header().number));
    if (!segment_bytes) return std::unexpected(segment_bytes.error());
    if (!posting_bytes) return std::unexpected(posting_bytes.error());
    stats.bytes += *segment_bytes + *posting_bytes;

    const auto last = snapshot.last_position(i);
    const bool is_active = i + 1 == snapshot.segments->size();
    stats.events +=
        is_active ? last.value + 1 - segment.first_position().value : segment.index()->events();
    const auto streams = count_new_streams(snapshot, i, secret);
    if (!streams) return std::unexpected(streams.error());
    stats.streams += *streams;
  }
  return stats;
}

}  // namespace eventstore::log
