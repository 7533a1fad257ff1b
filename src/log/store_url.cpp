#include "log/store_url.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/engine_registry.hpp"
#include "core/refusal.hpp"

namespace eventstore::log {
namespace {

constexpr std::string_view kFileScheme = "file:";
constexpr std::string_view kMemoryUrl = "memory:";

// Bare paths may hold colons; only what looks like a scheme is taken for one.
bool has_any_scheme(std::string_view url) {
  const auto colon = url.find("://");
  return colon != std::string_view::npos && colon > 0 && !url.substr(0, colon).contains('/');
}

// Schemes are the same in either case (RFC 3986, section 3.1).
bool has_scheme(std::string_view url, std::string_view scheme) {
  const auto lower = [](unsigned char c) { return static_cast<char>(std::tolower(c)); };
  return std::ranges::equal(url.substr(0, scheme.size()), scheme, {}, lower);
}

// What open() takes: "file:PATH, memory: or postgres:".
std::string known_urls() {
  std::string urls = "file:PATH";
  std::string last = "memory:";
  for (const auto& scheme : registered_schemes()) {
    urls += ", " + std::exchange(last, scheme + ':');
  }
  return urls + " or " + last;
}

}  // namespace

bool is_memory_url(std::string_view url) {
  return has_scheme(url, kMemoryUrl) && url.size() == kMemoryUrl.size();
}

Result<std::string> folder_of_url(std::string_view url) {
  if (has_scheme(url, kFileScheme)) {
    url.remove_prefix(kFileScheme.size());
    if (url.starts_with("//")) url.remove_prefix(2);
  } else if (has_any_scheme(url)) {
    // Behind the scheme there may be a password.
    const auto scheme = std::string(url.substr(0, url.find("://")));
    return invalid_argument("no engine of this program knows the scheme of store URL " + scheme +
                            "://...; use " + known_urls());
  } else if (has_scheme(url, kMemoryUrl)) {
    return invalid_argument("no engine knows the store URL " + std::string(url) + "; use " +
                            known_urls());
  }
  if (url.empty() || url.contains('\0')) {
    return invalid_argument("the store URL names no path; use file:PATH");
  }
  while (url.size() > 1 && url.ends_with('/')) url.remove_suffix(1);
  return std::string(url);
}

}  // namespace eventstore::log
