#include "cli/store_url.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace eventstore::cli {
namespace {

constexpr std::string_view kHidden = "...";

// Parameters that are a password, or a URL that may have one.
constexpr std::array<std::string_view, 3> kSecret = {"password", "sslpassword", "listen"};

bool is_secret(std::string_view pair) {
  return std::ranges::find(kSecret, pair.substr(0, pair.find('='))) != kSecret.end();
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace

bool is_memory_url(std::string_view url) {
  return in_lower_case(url) == "memory:";
}

bool is_server_url(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return false;
  const auto scheme = in_lower_case(url.substr(0, colon));
  return scheme == "postgresql" || scheme == "postgres";
}

std::string without_passwords(std::string_view url) {
  if (!is_server_url(url)) return std::string(url);
  const auto question = std::min(url.find('?'), url.size());
  std::string shown(url.substr(0, question));
  // USER:PASSWORD@HOST. A password may hold what it should not, an '@' or a '/': the last one ends
  // it.
  const auto authority = shown.find("://") + 3;
  const auto at = shown.rfind('@');
  const auto colon = shown.find(':', authority);
  if (at != std::string::npos && colon < at) shown.replace(colon + 1, at - colon - 1, kHidden);

  auto rest = url.substr(question);
  while (!rest.empty()) {
    shown += rest.front();  // '?' or '&'
    rest.remove_prefix(1);
    const auto pair = rest.substr(0, rest.find('&'));
    const bool hides = is_secret(pair) && pair.contains('=');
    shown += hides ? pair.substr(0, pair.find('=') + 1) : pair;
    if (hides) shown += kHidden;
    rest.remove_prefix(pair.size());
  }
  return shown;
}

}  // namespace eventstore::cli
