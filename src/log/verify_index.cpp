#include "log/verify_index.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <ranges>
#include <utility>

#include "log/damage.hpp"
#include "log/key_merge.hpp"

namespace eventstore::log {
namespace {

constexpr std::string_view kRemedy =
    "; no event is lost: remove it, and it is made again when the store is opened for writing";

Finding finding_of(const Error& error) {
  const auto* const where = std::get_if<DamageDetails>(&error.details);
  return {.message = error.message + std::string(kRemedy),
          .where = where != nullptr ? *where : DamageDetails{},
          .streams = AffectedStreams{}};
}

}  // namespace

Result<IndexVerification> IndexVerification::open(FileSystem& files, const std::string& folder,
                                                  const Snapshot& snapshot, std::uint64_t secret) {
  IndexVerification verification(snapshot);
  const auto run_files = list_run_files(files, folder);
  if (!run_files) return std::unexpected(run_files.error());
  for (const auto& run_file : *run_files) {
    auto run = open_run(files, folder, snapshot.segments(), run_file, secret);
    if (run) {
      const auto bytes = posting_file_of(**run).file_bytes();
      verification.files_.push_back({.run_file = run_file, .run = *std::move(run), .bytes = bytes});
    } else if (run.error().code == ErrorCode::Corruption) {
      verification.findings_.push_back(finding_of(run.error()));
    } else if (run.error().code != ErrorCode::NotFound) {  // it was merged meanwhile
      return std::unexpected(std::move(run).error());
    }
  }
  return verification;
}

void IndexVerification::compare(const Run& scanned, GlobalPosition last) {
  for (auto& checked : files_) {
    const Range range{.first = std::max(scanned.first_position, checked.run_file.first_position),
                      .last = std::min(last, checked.run_file.last_position)};
    if (checked.is_bad || range.first > range.last) continue;
    const auto good = agrees(checked, scanned, range);
    if (!good) {
      checked.is_bad = true;
      findings_.push_back(finding_of(good.error()));
    } else if (!*good) {
      add(checked, {.file = {}, .first_position = range.first, .last_position = range.last},
          "the posting file does not agree with the log");
    }
  }
}

void IndexVerification::pass_over(GlobalPosition first, GlobalPosition last) {
  for (auto& checked : files_) {
    if (checked.run_file.first_position <= last && first <= checked.run_file.last_position) {
      checked.is_whole = false;
    }
  }
}

Result<bool> IndexVerification::agrees(Checked& checked, const Run& scanned, Range range) const {
  auto offsets = offsets_agree(checked, scanned, range);
  if (!offsets || !*offsets) return offsets;
  const auto contents = static_cast<const MemoryIndex&>(*scanned.index).contents(RunIdentity{});
  for (const auto& key : contents.keys) {
    auto same = key_agrees(checked, key, scanned, range);
    if (!same || !*same) return same;
  }
  for (const auto& id : contents.ids) {
    const auto position = scanned.position_of(id.posting);
    if (position < range.first || position > range.last) continue;
    const auto found = checked.file().find_id(id.hash);
    if (!found) return std::unexpected(found.error());
    const auto posting = checked.run->posting_of(position);
    if (std::ranges::find(*found, posting) == found->end()) return false;
  }
  return true;
}

Result<bool> IndexVerification::offsets_agree(const Checked& checked, const Run& scanned,
                                              Range range) const {
  for (auto position = range.first; position <= range.last; ++position.value) {
    const auto in_file = checked.file().offset_of(checked.run->posting_of(position));
    if (!in_file) return std::unexpected(in_file.error());
    const auto in_log = scanned.index->offset_of(scanned.posting_of(position));
    if (!in_log) return std::unexpected(in_log.error());
    if (*in_file != *in_log) return false;
  }
  return true;
}

Result<bool> IndexVerification::key_agrees(Checked& checked,
                                           const PostingFileContents::KeyPostings& key,
                                           const Run& scanned, Range range) const {
  std::vector<Posting> expected;
  for (const auto posting : key.postings) {
    const auto position = scanned.position_of(posting);
    if (position < range.first || position > range.last) continue;
    expected.push_back(checked.run->posting_of(position));
  }
  const auto entry = checked.file().find(key.key);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return expected.empty();
  std::vector<Posting> found(expected.size() + 1);
  const auto count = checked.file().fetch(**entry, checked.run->posting_of(range.first),
                                          Direction::Forwards, found);
  if (!count) return std::unexpected(count.error());
  found.resize(*count);
  if (!found.empty() && found.back() > checked.run->posting_of(range.last)) found.pop_back();
  checked.postings += expected.size();
  if (found != expected || expected.empty()) return found == expected;

  // The ends of a stream tell its versions.
  const bool is_whole = expected.size() == key.postings.size();
  if (key.key.kind != KeyKind::Stream || !is_whole) return true;
  Posting first = 0;
  Posting last = 0;
  const auto ends = checked.file().fetch(**entry, 0, Direction::Forwards, {&first, 1});
  if (!ends) return std::unexpected(ends.error());
  const auto other = checked.file().fetch(**entry, std::numeric_limits<Posting>::max(),
                                          Direction::Backwards, {&last, 1});
  if (!other) return std::unexpected(other.error());
  // Behind husks alone, of which the first version is that to come, the file may have further ones.
  const bool has_live = key.first_version <= key.last_version;
  const bool first_agrees = has_live ? (*entry)->first_version == key.first_version
                                     : (*entry)->first_version >= key.first_version;
  return (first != expected.front() || first_agrees) &&
         (last != expected.back() || (*entry)->last_version == key.last_version);
}

// What was compared is all that the file has, if all of it was.
Result<bool> IndexVerification::has_no_more(const Checked& checked) const {
  std::uint64_t postings = 0;
  const std::array files{&checked.file()};
  KeyMerge keys(files);
  for (;;) {
    const auto more = keys.next();
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
    postings += keys.entry_in(0).postings;
  }
  return postings == checked.postings;
}

void IndexVerification::finish(VerifyReport& report) {
  for (auto& checked : files_) {
    report.bytes += checked.bytes;
    if (checked.is_bad) continue;
    if (const auto verified = checked.file().verify(); !verified) {
      findings_.push_back(finding_of(verified.error()));
      continue;
    }
    if (!checked.is_whole || checked.run_file.last_position > snapshot_.head) continue;
    const auto whole = has_no_more(checked);
    if (!whole) {
      findings_.push_back(finding_of(whole.error()));
    } else if (!*whole) {
      add(checked, {}, "the posting file holds more than the log");
    }
  }
  std::ranges::move(findings_, std::back_inserter(report.findings));
}

void IndexVerification::add(Checked& checked, DamageDetails where, std::string_view what) {
  checked.is_bad = true;
  where.file = checked.file().path();
  auto message = corruption(where, what).message.append(kRemedy);
  findings_.push_back(
      {.message = std::move(message), .where = std::move(where), .streams = AffectedStreams{}});
}

}  // namespace eventstore::log
