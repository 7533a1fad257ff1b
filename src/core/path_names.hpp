#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// Paths of the file systems that live in memory. A path in normal form has no '/' at its end nor
// two in a row; "" is the directory that is always there, and so is "/".
namespace eventstore::internal {

inline std::string normal_path(std::string_view path) {
  std::string normal;
  normal.reserve(path.size());
  for (const char c : path) {
    if (c != '/' || normal.empty() || normal.back() != '/') normal.push_back(c);
  }
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal == "." ? std::string() : normal;
}

// The directory that the entry `normal` is in: "a" for "a/b", "" for "a", "/" for "/a".
inline std::string_view parent_path(std::string_view normal) {
  const std::size_t slash = normal.rfind('/');
  if (slash == std::string_view::npos) return {};
  return normal.substr(0, slash == 0 ? 1 : slash);
}

inline std::string_view last_name(std::string_view normal) {
  return normal.substr(normal.rfind('/') + 1);  // npos + 1 is 0
}

inline bool is_root(std::string_view normal) {
  return normal.empty() || normal == "/";
}

// What is in the directory `normal`, sorted.
template <typename Inode>
std::vector<std::string> names_in(std::string_view normal,
                                  const std::map<std::string, Inode, std::less<>>& files,
                                  const std::set<std::string, std::less<>>& directories) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& path) {
    if (!is_root(path) && parent_path(path) == normal) names.emplace_back(last_name(path));
  };
  for (const auto& [path, inode] : files) add(path);
  for (const auto& path : directories) add(path);
  std::ranges::sort(names);
  return names;
}

}  // namespace eventstore::internal
