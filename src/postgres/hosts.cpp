#include "postgres/hosts.hpp"

#include <algorithm>
#include <ranges>

#include "postgres/url.hpp"

namespace eventstore::postgres {

Hosts::Hosts(const std::string& uri) {
  for (const auto* const keyword : {"host", "hostaddr", "port"}) {
    auto& list = lists_.emplace_back(keyword, std::vector<std::string>{});
    for (const auto part : std::views::split(libpq_parameter(uri, keyword), ',')) {
      list.second.emplace_back(part.begin(), part.end());
    }
    size_ = std::max(size_, list.second.size());
  }
}

void Hosts::put_last(const Host& tried) {
  if (size_ < 2) return;
  std::size_t at = 0;
  while (at + 1 < size_ && !is(at, tried)) ++at;
  for (auto& [keyword, list] : lists_) {
    if (list.size() != size_) continue;  // of all of them
    std::ranges::rotate(list, list.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

std::vector<std::pair<const char*, std::string>> Hosts::lists() const {
  std::vector<std::pair<const char*, std::string>> joined;
  for (const auto& [keyword, list] : lists_) {
    if (size_ < 2 || list.empty()) continue;
    std::string all = list.front();
    for (const auto& one : std::views::drop(list, 1)) all += ',' + one;
    joined.emplace_back(keyword, std::move(all));
  }
  return joined;
}

bool Hosts::is(std::size_t at, const Host& host) const {
  const auto is_at = [at](const std::vector<std::string>& list, std::string_view value) {
    return at < list.size() && list[at] == value;
  };
  return (is_at(lists_[0].second, host.name) || is_at(lists_[1].second, host.name)) &&
         (lists_[2].second.size() < 2 || is_at(lists_[2].second, host.port));
}

}  // namespace eventstore::postgres
