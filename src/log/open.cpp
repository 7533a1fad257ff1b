#include "eventstore/open.hpp"

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <utility>

#include "core/memory_file_system.hpp"
#include "core/posix_environment.hpp"
#include "log/log_store.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kFileScheme = "file:";
constexpr std::string_view kMemoryUrl = "memory:";

// Bare paths may hold colons; only what looks like a scheme is taken for one.
bool has_any_scheme(std::string_view url) {
  const auto colon = url.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         url.substr(0, colon).find('/') == std::string_view::npos;
}

// Schemes are the same in either case (RFC 3986, section 3.1).
bool has_scheme(std::string_view url, std::string_view scheme) {
  const auto lower = [](unsigned char c) { return static_cast<char>(std::tolower(c)); };
  return std::ranges::equal(url.substr(0, scheme.size()), scheme, {}, lower);
}

Result<void> validate_options(const OpenOptions& options) {
  constexpr std::uint64_t kPage = 4096;
  const auto bytes = options.segment_bytes_max;
  if (bytes < (std::uint64_t{64} << 10) || bytes > (std::uint64_t{1} << 30) || bytes % kPage != 0) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "segment_bytes_max is " + std::to_string(bytes) +
                         "; it must be a multiple of 4096 from 65536 to 1073741824"});
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
  const bool is_memory = has_scheme(url, kMemoryUrl);
  if (is_memory && url.size() == kMemoryUrl.size()) return open_memory(options);
  if (has_scheme(url, kFileScheme)) {
    url.remove_prefix(kFileScheme.size());
    if (url.starts_with("//")) url.remove_prefix(2);
  } else if (has_any_scheme(url) || is_memory) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "no engine knows the store URL " + std::string(url) +
                                            "; use file:PATH or memory:"});
  }
  if (url.empty() || url.find('\0') != std::string_view::npos) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "the store URL names no path; use file:PATH"});
  }
  while (url.size() > 1 && url.ends_with('/')) url.remove_suffix(1);
  return log::LogStore::open(posix_environment(), std::string(url), options, {}, "file", nullptr);
}

}  // namespace eventstore
