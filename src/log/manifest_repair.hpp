#pragma once

#include <string>

#include "core/file_system.hpp"
#include "log/manifest.hpp"

namespace eventstore::log {

// Makes the manifest of the store in `folder`, which lost its own, from that of another copy of it:
// with the segments that the copy lists, and those that follow them in the folder. Writes nothing.
//
// Fails with InvalidArgument where the folder has segments of another store, and with Corruption
// where it has others than the copy lists, or a segment is too damaged to tell what follows it.
Result<Manifest> manifest_from_copy(FileSystem& files, const std::string& folder,
                                    const Manifest& copy);

}  // namespace eventstore::log
