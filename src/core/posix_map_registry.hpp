#pragma once

#include <cstddef>
#include <span>

namespace eventstore::internal {

// The maps of files in this process, for MappedAccess. Safe from any thread.
void register_map(std::span<const std::byte> map);
void unregister_map(std::span<const std::byte> map);

}  // namespace eventstore::internal
