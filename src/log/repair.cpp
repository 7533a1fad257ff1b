#include "log/repair.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/mapped_access.hpp"
#include "log/damage.hpp"
#include "log/folder.hpp"
#include "log/head_page.hpp"
#include "log/log_store.hpp"
#include "log/manifest_repair.hpp"
#include "log/run_files.hpp"
#include "log/segment_merge.hpp"
#include "log/store_files.hpp"

namespace eventstore::log {
namespace {

// The findings about one file, in the order in which they were made.
using FindingsByFile = std::map<std::string, std::vector<Finding>>;

std::string problem_of(const std::vector<Finding>& findings) {
  auto problem = findings.front().message;
  if (findings.size() > 1) problem += " (and " + std::to_string(findings.size() - 1) + " more)";
  return problem;
}

// What is there of a file, mapped; null where that is nothing.
std::shared_ptr<const MappedFile> map_what_is_there(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Access::Read);
  if (!file) return nullptr;
  const auto size = (*file)->size();
  if (!size) return nullptr;
  return (*file)->map(*size).value_or(nullptr);
}

class Repair {
 public:
  Repair(Environment environment, const std::string& folder, SegmentSource& source,
         const RepairOptions& options)
      : environment_(environment),
        files_(*environment.files),
        folder_(folder),
        source_(source),
        options_(options) {}

  Result<RepairReport> run() {
    if (auto locked = lock(); !locked) return std::unexpected(std::move(locked).error());
    if (auto loaded = load_or_make_manifest(); !loaded) {
      return std::unexpected(std::move(loaded).error());
    }
    // Without its manifest a store cannot be looked into.
    if (manifest_is_lost_ && options_.dry_run) return std::move(report_);
    const auto findings = verify();
    if (!findings) return std::unexpected(findings.error());
    for (const auto& [file, about] : *findings) {
      if (auto mended = mend(file, about); !mended) return std::unexpected(mended.error());
    }
    if (options_.dry_run) return std::move(report_);
    if (auto left = tell_what_is_left(); !left) return std::unexpected(std::move(left).error());
    return std::move(report_);
  }

 private:
  Result<void> lock() {
    // Nothing is to be left in a folder that never was a store.
    const auto there = files_.exists(log_folder(folder_));
    if (!there) return std::unexpected(there.error());
    if (!*there) {
      return std::unexpected(Error{.code = ErrorCode::NotFound,
                                   .message = "there is no event store at " + folder_ +
                                              " to repair: it has no folder \"log\"; to use the "
                                              "copy as it is, copy all its files"});
    }
    if (options_.dry_run) return {};
    auto lock = lock_store(files_, folder_);
    if (!lock) return std::unexpected(std::move(lock).error());
    lock_ = *std::move(lock);
    return {};
  }

  Result<void> load_or_make_manifest() {
    auto manifest = load_manifest(files_, folder_);
    if (manifest) {
      manifest_ = *std::move(manifest);
      if (manifest_.store_id == source_.manifest().store_id) return {};
      return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                   .message = source_.name() + " holds another store (" +
                                              source_.manifest().store_id.to_string() + ") than " +
                                              folder_ + " (" + manifest_.store_id.to_string() +
                                              "); repair takes a copy of the same one"});
    }
    const auto code = manifest.error().code;
    if (code != ErrorCode::Corruption && code != ErrorCode::NotAStore &&
        code != ErrorCode::NotFound) {
      return std::unexpected(std::move(manifest).error());
    }
    auto made = manifest_from_copy(files_, folder_, source_.manifest());
    if (!made) return std::unexpected(std::move(made).error());
    manifest_ = *std::move(made);
    manifest_is_lost_ = true;
    report_.repaired.push_back(
        {.file = manifest_path(folder_), .problem = std::move(manifest).error().message});
    return options_.dry_run ? Result<void>() : save_manifest(files_, folder_, manifest_);
  }

  Result<FindingsByFile> verify() {
    const auto store = LogStore::open(environment_, folder_, {.read_only = true}, {}, "", nullptr);
    if (!store) return std::unexpected(store.error());
    auto report = (*store)->verify();
    if (!report) return std::unexpected(std::move(report).error());
    FindingsByFile findings;
    for (auto& finding : report->findings) {
      findings[finding.where.file].push_back(std::move(finding));
    }
    return findings;
  }

  Result<void> mend(const std::string& file, const std::vector<Finding>& findings) {
    for (const auto& listed : manifest_.segments) {
      if (file == segment_path(folder_, listed)) return mend_segment(listed, findings);
    }
    if (file.ends_with(kPostingFileEnding)) return remove_posting_file(file, problem_of(findings));
    return refuse(file, findings, "repair knows no remedy for this file");
  }

  Result<void> remove_posting_file(const std::string& file, std::string problem) {
    report_.repaired.push_back(
        {.file = file, .action = RepairedFile::Action::Removed, .problem = std::move(problem)});
    return options_.dry_run ? Result<void>() : remove_if_there(files_, file);
  }

  Result<void> mend_segment(const ManifestSegment& listed, const std::vector<Finding>& findings) {
    const auto path = segment_path(folder_, listed);
    const auto& copies = source_.manifest().segments;
    const auto copy = std::ranges::find(copies, listed.id, &ManifestSegment::id);
    if (copy == copies.end()) {
      return refuse(path, findings,
                    listed.revision == 0 ? "it has no such segment"
                                         : "the segment was rewritten by scavenging since then");
    }
    const auto theirs = source_.segment(*copy);
    if (!theirs) return refuse(path, findings, theirs.error().message);

    const auto mapped = map_what_is_there(files_, path);
    const auto ours = mapped ? mapped->bytes() : std::span<const std::byte>();
    const auto merged = merge(ours, (*theirs)->bytes(), listed, *copy);
    if (!merged) return refuse(path, findings, merged.error());
    report_.repaired.push_back({.file = path,
                                .problem = problem_of(findings),
                                .bytes_taken = merged->bytes_taken,
                                .first_position = listed.first_position,
                                .last_position = {merged->end.next_position.value - 1}});
    return options_.dry_run ? Result<void>() : replace(listed, *merged);
  }

  std::expected<MergedSegment, std::string> merge(std::span<const std::byte> ours,
                                                  std::span<const std::byte> theirs,
                                                  const ManifestSegment& listed,
                                                  const ManifestSegment& copy) {
    const SegmentWanted wanted{
        .store_id = manifest_.store_id, .listed = listed, .durable = durable_head()};
    auto merged = merge_segments(ours, theirs, wanted);
    const auto& digest = listed.digest.empty() ? copy.digest : listed.digest;
    if (!listed.is_sealed() || digest.empty()) return merged;
    if (merged && digest_of(*merged) == digest) return merged;
    // What is whole of ours need not be right: the copy by itself may have the digest.
    auto alone = merge_segments({}, theirs, wanted);
    if (alone && digest_of(*alone) == digest) return alone;
    if (!merged) return merged;
    return std::unexpected("its digest is not the one in the manifest");
  }

  GlobalPosition durable_head() {
    auto page = files_.share_page(head_path(folder_), FileSystem::Access::Read);
    return page ? HeadPage(*std::move(page)).durable_head_of_any_boot() : GlobalPosition{};
  }

  // Posting files over it stay: what is put there is what they were made from, or
  // tell_what_is_left() finds that it is not.
  Result<void> replace(const ManifestSegment& listed, const MergedSegment& merged) {
    const auto path = segment_path(folder_, listed);
    return replace_file_with(files_, log_folder(folder_), path, merged.parts);
  }

  Result<void> refuse(const std::string& file, const std::vector<Finding>& findings,
                      std::string_view why) {
    reasons_[file] = std::string("; not mended from ").append(source_.name()).append(": ");
    reasons_[file].append(why);
    if (options_.dry_run) add_remaining(file, findings);
    return {};
  }

  void add_remaining(const std::string& file, const std::vector<Finding>& findings) {
    for (auto finding : findings) {
      if (const auto why = reasons_.find(file); why != reasons_.end()) {
        finding.message += why->second;
      }
      report_.remaining.push_back(std::move(finding));
    }
  }

  // A posting file that does not agree with what was mended shows only now.
  Result<void> tell_what_is_left() {
    const auto findings = verify();
    if (!findings) return std::unexpected(findings.error());
    for (const auto& [file, about] : *findings) {
      if (!file.ends_with(kPostingFileEnding)) {
        add_remaining(file, about);
      } else if (auto removed = remove_posting_file(file, problem_of(about)); !removed) {
        return removed;
      }
    }
    return {};
  }

  const Environment environment_;
  FileSystem& files_;
  const std::string& folder_;
  SegmentSource& source_;
  const RepairOptions& options_;
  std::unique_ptr<FileLock> lock_;
  Manifest manifest_;
  bool manifest_is_lost_ = false;
  std::map<std::string, std::string> reasons_;  // why a file was not mended
  RepairReport report_;
};

}  // namespace

Result<RepairReport> repair_log(Environment environment, const std::string& folder,
                                SegmentSource& source, const RepairOptions& options) {
  const MappedAccess access;
  return Repair(environment, folder, source, options).run();
}

}  // namespace eventstore::log
