#include "log/store_url.hpp"

#include <algorithm>
#include <cctype>

namespace eventstore::log {
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

}  // namespace

bool is_memory_url(std::string_view url) {
  return has_scheme(url, kMemoryUrl) && url.size() == kMemoryUrl.size();
}

Result<std::string> folder_of_url(std::string_view url) {
  if (has_scheme(url, kFileScheme)) {
    url.remove_prefix(kFileScheme.size());
    if (url.starts_with("//")) url.remove_prefix(2);
  } else if (has_any_scheme(url) || has_scheme(url, kMemoryUrl)) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "no engine knows the store URL " + std::string(url) +
                                            "; use file:PATH or memory:"});
  }
  if (url.empty() || url.find('\0') != std::string_view::npos) {
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "the store URL names no path; use file:PATH"});
  }
  while (url.size() > 1 && url.ends_with('/')) url.remove_suffix(1);
  return std::string(url);
}

}  // namespace eventstore::log
