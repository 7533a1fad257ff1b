#pragma once

#include <string>

namespace eventstore::test {

// Thrown where the engine breaks a promise; ends the episode.
struct Violation {
  std::string what;
};

}  // namespace eventstore::test
