#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "eventstore/append.hpp"

namespace eventstore {

// Collects the last version of each stream that an append wrote, in order of first appearance: what
// AppendResult::streams has.
//
// Ownership: borrows the names.
// Threads:   one at a time.
class StreamOutcomes {
 public:
  void set(std::string_view stream, StreamVersion version) {
    const auto [at, is_new] = ordinals_.try_emplace(stream, outcomes_.size());
    if (is_new) {
      outcomes_.push_back({.stream = std::string(stream), .version = version});
    } else {
      outcomes_[at->second].version = version;
    }
  }
  std::vector<StreamOutcome> take() { return std::move(outcomes_); }  // the last call

 private:
  std::unordered_map<std::string_view, std::size_t> ordinals_;
  std::vector<StreamOutcome> outcomes_;
};

}  // namespace eventstore
