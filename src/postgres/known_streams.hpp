#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/thread_annotations.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {

// The months that streams had events in when they were read: where the next read of one looks
// first. It is never taken for granted: such a read asks for the months as well.
//
// Threads: safe from any thread.
class KnownStreams {
 public:
  // Months of streams that it knows at most, some 30 MB; what was not asked for lately goes.
  static constexpr std::size_t kPartsMax = 200'000;

  explicit KnownStreams(std::size_t parts_max = kPartsMax) : parts_max_(parts_max) {}

  std::optional<std::vector<SeenStream::Part>> parts_of(std::string_view stream);
  void learn(std::string_view stream, std::span<const SeenStream::Part> parts);

 private:
  using Parts = std::map<std::string, std::vector<SeenStream::Part>, std::less<>>;

  void keep(std::string stream, std::vector<SeenStream::Part> parts) REQUIRES(mutex_);

  const std::size_t parts_max_;
  Mutex mutex_;
  // What was learned or asked for since the other became full, and what before.
  Parts young_ GUARDED_BY(mutex_);
  Parts old_ GUARDED_BY(mutex_);
  std::size_t young_parts_ GUARDED_BY(mutex_) = 0;
};

}  // namespace eventstore::postgres
