#include "eventstore/open.hpp"

#include <memory>
#include <string>
#include <utility>

#include "core/engine_registry.hpp"
#include "core/memory_file_system.hpp"
#include "core/posix_environment.hpp"
#include "log/log_store.hpp"
#include "log/store_url.hpp"

namespace eventstore {
namespace {

Result<void> validate_options(const OpenOptions& options) {
  constexpr std::uint64_t kPage = 4096;
  const auto bytes = options.segment_bytes_max;
  if (bytes < (std::uint64_t{64} << 10) || bytes > (std::uint64_t{1} << 30) || bytes % kPage != 0) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "segment_bytes_max is " + std::to_string(bytes) +
                         "; it must be a multiple of 4096 from 65536 to 1073741824"});
  }
  if (options.scrub_period < std::chrono::seconds{1}) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "scrub_period must be at least one second"});
  }
  if (options.index_bytes_max < (std::uint64_t{1} << 20)) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "index_bytes_max must be at least 1048576"});
  }
  if (options.queue_requests_max == 0 || options.queue_bytes_max == 0) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "queue_requests_max and queue_bytes_max must not be 0"});
  }
  return {};
}

Result<std::unique_ptr<EventStore>> open_memory(const OpenOptions& options) {
  auto files = std::make_unique<MemoryFileSystem>();
  const auto& system = posix_environment();
  const Environment environment{
      .files = files.get(), .clock = system.clock, .random = system.random};
  // Nothing outlives the process, so nothing is gained by writing zeros ahead.
  return log::LogStore::open(environment, "store", options, {.prewrite_bytes = 0}, "memory",
                             std::move(files));
}

}  // namespace

Result<std::unique_ptr<EventStore>> open(std::string_view url, const OpenOptions& options) {
  if (auto valid = validate_options(options); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  if (const auto engine = find_engine(url)) return engine(url, options);
  if (log::is_memory_url(url)) return open_memory(options);
  auto folder = log::folder_of_url(url);
  if (!folder) return std::unexpected(std::move(folder).error());
  return log::LogStore::open(posix_environment(), *folder, options, {}, "file", nullptr);
}

}  // namespace eventstore
