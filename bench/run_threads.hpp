#pragma once

#include <cstddef>
#include <functional>

namespace eventstore::bench {

// Threads that begin at the same moment.
struct ThreadWork {
  std::function<void(std::size_t thread)> prepare;  // each before the moment
  std::function<void(std::size_t thread)> work;     // each from then on
};

// Returns the seconds from the moment until the last thread is done.
double run_threads(std::size_t threads, const ThreadWork& work);

}  // namespace eventstore::bench
