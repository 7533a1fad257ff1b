#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event_store.hpp"

// What is done to a store that is damaged.
namespace eventstore {

struct RepairOptions {
  // Tells what would be done, changes nothing and takes no lock.
  bool dry_run = false;
};

// A file that was mended, or would be.
struct RepairedFile {
  enum class Action : std::uint8_t {
    Replaced,  // by that of the copy, or by one made of what is whole in either
    Removed,   // derived, and made again when the store is opened for writing
  };
  std::string file;
  Action action = Action::Replaced;
  std::string problem;            // what was wrong with it
  std::uint64_t bytes_taken = 0;  // from the copy
  // The events that it holds; 0: none.
  GlobalPosition first_position = {};
  GlobalPosition last_position = {};
};

struct RepairReport {
  std::vector<RepairedFile> repaired = {};
  // What is still wrong, and why it could not be mended. Empty: the store passes verify(), or would
  // after what a dry run tells; but a dry run looks at nothing else where MANIFEST is lost.
  std::vector<Finding> remaining = {};
};

// Mends the damaged files of the embedded store at `url` with those of `from`, another copy of the
// same store: a backup, a replica. Both are URLs as open() takes them.
//
// A segment that fails its checks is made anew of the frames that are whole in the store and, where
// they are not, of those of the copy: one chain from its first to its last event, with the digest
// that either manifest has for it. It is written aside, synced and renamed, so that a crash leaves
// the one or the other; running it again goes on. Events that are whole in the store are never
// given up for anything in the copy, and nothing is taken that the store was not known to have. A
// lost MANIFEST is made anew where its segments agree with those of the copy.
//
// Fails with InvalidArgument (a URL, or `from` is no copy of this store), NotFound, NotAStore,
// UnsupportedFormat, StoreLocked, NoSpace, OutOfResources or Io; with Corruption where the manifest
// of the copy is damaged, or that of the store is lost and its segments do not agree with the copy.
//
// Threads: any; a store is repaired by one at a time, who takes its lock. Nobody may write to the
//          copy meanwhile.
Result<RepairReport> repair(std::string_view url, std::string_view from,
                            const RepairOptions& options = {});

}  // namespace eventstore
