#include "core/engine_registry.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <utility>

#include "core/thread_annotations.hpp"

namespace eventstore {
namespace {

struct Registry {
  Mutex mutex;
  std::map<std::string, OpenFunction, std::less<>> engines GUARDED_BY(mutex);  // by scheme
};

Registry& registry() {
  static Registry of_process;
  return of_process;
}

// Schemes are the same in either case (RFC 3986, section 3.1).
std::string in_lower_case(std::string_view scheme) {
  std::string lower(scheme);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

}  // namespace

void register_engine(std::string_view scheme, OpenFunction function) {
  auto& known = registry();
  auto key = in_lower_case(scheme);
  const MutexLock lock(known.mutex);
  if (function) {
    known.engines.insert_or_assign(std::move(key), std::move(function));
  } else {
    known.engines.erase(key);
  }
}

OpenFunction find_engine(std::string_view url) {
  const auto colon = url.find(':');
  if (colon == std::string_view::npos) return {};
  const auto scheme = in_lower_case(url.substr(0, colon));
  auto& known = registry();
  const MutexLock lock(known.mutex);
  const auto found = known.engines.find(scheme);
  return found == known.engines.end() ? OpenFunction{} : found->second;
}

std::vector<std::string> registered_schemes() {
  auto& known = registry();
  std::vector<std::string> schemes;
  const MutexLock lock(known.mutex);
  schemes.reserve(known.engines.size());
  for (const auto& [scheme, engine] : known.engines) schemes.push_back(scheme);
  return schemes;
}

}  // namespace eventstore
