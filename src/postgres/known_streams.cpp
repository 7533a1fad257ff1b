#include "postgres/known_streams.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::postgres {

std::optional<std::vector<SeenStream::Part>> KnownStreams::parts_of(std::string_view stream) {
  const MutexLock lock(mutex_);
  if (const auto at = young_.find(stream); at != young_.end()) return at->second;
  const auto at = old_.find(stream);
  if (at == old_.end()) return std::nullopt;
  auto parts = at->second;
  old_.erase(at);
  keep(std::string(stream), parts);
  return parts;
}

void KnownStreams::learn(std::string_view stream, std::span<const SeenStream::Part> parts) {
  const MutexLock lock(mutex_);
  if (const auto at = young_.find(stream); at != young_.end()) {
    if (std::ranges::equal(at->second, parts)) return;
    young_parts_ -= at->second.size();
    young_.erase(at);
  }
  if (const auto at = old_.find(stream); at != old_.end()) old_.erase(at);
  keep(std::string(stream), {parts.begin(), parts.end()});
}

void KnownStreams::keep(std::string stream, std::vector<SeenStream::Part> parts) {
  if (young_parts_ + parts.size() > parts_max_ / 2) {
    old_ = std::exchange(young_, {});
    young_parts_ = 0;
  }
  young_parts_ += parts.size();
  young_.emplace(std::move(stream), std::move(parts));
}

}  // namespace eventstore::postgres
