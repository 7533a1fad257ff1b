#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/file_system.hpp"
#include "eventstore/event_store.hpp"
#include "log/log_view.hpp"
#include "log/memory_index.hpp"
#include "log/posting_file.hpp"
#include "log/run_files.hpp"

namespace eventstore::log {

// Compares the posting files of a store with what its log holds.
//
// Threads: one at a time. Borrows the snapshot.
class IndexVerification {
 public:
  // Opens the posting files that are there.
  static Result<IndexVerification> open(FileSystem& files, const std::string& folder,
                                        const Snapshot& snapshot, std::uint64_t secret);

  // Compares with no posting file.
  static IndexVerification of_nothing(const Snapshot& snapshot) {
    return IndexVerification(snapshot);
  }

  // What a scan found of the log: a run of it, from its first position to `last`. Runs come one
  // after another, and whole ones alone.
  void compare(const Run& scanned, GlobalPosition last);

  // Of these positions some are lost: what is indexed of them cannot be compared.
  void pass_over(GlobalPosition first, GlobalPosition last);

  // After the last run. Adds what is wrong to `report`, and the size of the files.
  void finish(VerifyReport& report);

 private:
  struct Checked {
    RunFile run_file;
    std::shared_ptr<const Run> run;
    std::uint64_t bytes = 0;
    std::uint64_t postings = 0;  // of all keys, as far as they were compared
    bool is_whole = true;        // all of it was compared
    bool is_bad = false;

    const PostingFile& file() const { return posting_file_of(*run); }
  };
  struct Range {
    GlobalPosition first;
    GlobalPosition last;
  };

  explicit IndexVerification(const Snapshot& snapshot) : snapshot_(snapshot) {}

  Result<bool> agrees(Checked& checked, const Run& scanned, Range range) const;
  Result<bool> offsets_agree(const Checked& checked, const Run& scanned, Range range) const;
  Result<bool> key_agrees(Checked& checked, const PostingFileContents::KeyPostings& key,
                          const Run& scanned, Range range) const;
  Result<bool> has_no_more(const Checked& checked) const;
  void add(Checked& checked, DamageDetails where, std::string_view what);

  const Snapshot& snapshot_;
  std::vector<Checked> files_;
  std::vector<Finding> findings_;
};

}  // namespace eventstore::log
