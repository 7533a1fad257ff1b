#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::postgres {

// The servers that a URI names, each of which may be the one, in the order in which they are tried.
//
// Threads: one at a time.
class Hosts {
 public:
  // One of them, as libpq tells which it waits for: by name, or by address where it has no name.
  struct Host {
    std::string_view name;
    std::string_view port;
  };

  explicit Hosts(const std::string& uri);

  std::size_t size() const { return size_; }
  // From now on the one behind `tried` is the first, and `tried` the last.
  void put_last(const Host& tried);
  // As libpq takes them, by keyword. Empty where there are not several.
  std::vector<std::pair<const char*, std::string>> lists() const;

 private:
  bool is(std::size_t at, const Host& host) const;

  // Of the keywords "host", "hostaddr" and "port", in this order.
  std::vector<std::pair<const char*, std::vector<std::string>>> lists_;
  std::size_t size_ = 0;
};

}  // namespace eventstore::postgres
