#pragma once

#include <memory>
#include <string_view>

#include "core/file_system.hpp"

namespace eventstore::internal {

// Maps the first page of an open file as a SharedPage whose waits and wakes reach every process
// that has the same file mapped. The descriptor may be closed afterwards.
//
// Fails with Io where the file is smaller than the page.
Result<std::unique_ptr<SharedPage>> map_shared_page(int descriptor, std::string_view path,
                                                    FileSystem::Access access);

}  // namespace eventstore::internal
