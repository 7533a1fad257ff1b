#include "core/engine_registry.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <utility>

#include "core/thread_annotations.hpp"

namespace eventstore {
namespace {

// Functions by scheme.
template <typename Function>
struct Registry {
  Mutex mutex;
  std::map<std::string, Function, std::less<>> functions GUARDED_BY(mutex);
};

template <typename Function>
Registry<Function>& registry() {
  static Registry<Function> of_process;
  return of_process;
}

// Schemes are the same in either case (RFC 3986, section 3.1).
std::string in_lower_case(std::string_view scheme) {
  std::string lower(scheme);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

template <typename Function>
void set_function(std::string_view scheme, Function function) {
  auto& known = registry<Function>();
  auto key = in_lower_case(scheme);
  const MutexLock lock(known.mutex);
  if (function) {
    known.functions.insert_or_assign(std::move(key), std::move(function));
  } else {
    known.functions.erase(key);
  }
}

template <typename Function>
Function find_function(std::string_view url) {
  const auto colon = url.find(':');
  if (colon == std::string_view::npos) return {};
  const auto scheme = in_lower_case(url.substr(0, colon));
  auto& known = registry<Function>();
  const MutexLock lock(known.mutex);
  const auto found = known.functions.find(scheme);
  return found == known.functions.end() ? Function{} : found->second;
}

}  // namespace

void register_engine(std::string_view scheme, OpenFunction function) {
  set_function(scheme, std::move(function));
}

void register_state_engine(std::string_view scheme, OpenStateFunction function) {
  set_function(scheme, std::move(function));
}

OpenFunction find_engine(std::string_view url) {
  return find_function<OpenFunction>(url);
}

OpenStateFunction find_state_engine(std::string_view url) {
  return find_function<OpenStateFunction>(url);
}

std::vector<std::string> registered_schemes() {
  auto& known = registry<OpenFunction>();
  std::vector<std::string> schemes;
  const MutexLock lock(known.mutex);
  schemes.reserve(known.functions.size());
  for (const auto& [scheme, engine] : known.functions) schemes.push_back(scheme);
  return schemes;
}

}  // namespace eventstore
