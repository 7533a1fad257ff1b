#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;  // of xxHash

namespace eventstore::log {

// The digest of a segment, as the manifest has it, from its bytes one part after another.
//
// Threads: one at a time.
class SegmentDigest {
 public:
  SegmentDigest();

  void add(std::span<const std::byte> bytes);
  // XXH3-128 of all that was added, in hexadecimal.
  std::string text() const;

 private:
  std::unique_ptr<XXH3_state_s, void (*)(XXH3_state_s*)> state_;
};

}  // namespace eventstore::log
