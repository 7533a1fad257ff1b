#pragma once

#include <memory>
#include <string>

#include "core/file_system.hpp"

namespace eventstore::internal {

// FileSystem::lock() of the operating system's files.
Result<std::unique_ptr<FileLock>> lock_file(const std::string& path);

}  // namespace eventstore::internal
