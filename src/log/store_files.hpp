#pragma once

#include <memory>
#include <string>

#include "core/file_system.hpp"
#include "log/log_settings.hpp"
#include "log/manifest.hpp"

// The files that make up a store: how they come to be, and what a crash leaves of them.
namespace eventstore::log {

// Whether there is a store in `folder`. Fails with NotFound or NotAStore where there is none and
// none may be made: one may where the folder does not exist, or is empty, or holds what an
// interrupted creation leaves and no event; and `create` allows it. Fails with Corruption where its
// log is missing.
Result<bool> is_there_or_creatable(FileSystem& files, const std::string& folder, bool create);

// Takes the lock of the store in `folder`, which is there; makes the LOCK file where there is none.
// Fails with StoreLocked where another writer has it.
Result<std::unique_ptr<FileLock>> lock_store(FileSystem& files, const std::string& folder);

// Makes the files of an empty store; the folder is one that
// is_there_or_creatable() lets pass.
Result<Manifest> create_store(Environment environment, const LogSettings& settings);

// Makes an empty HEAD file in place of what is there.
Result<void> create_head_file(FileSystem& files, const std::string& folder);

// Removes what a crash left behind: files written aside, segments that never came into the
// manifest. Fails with Corruption where one of those holds events: the manifest is an old one.
Result<void> remove_leftovers(FileSystem& files, const std::string& folder,
                              const Manifest& manifest);

}  // namespace eventstore::log
