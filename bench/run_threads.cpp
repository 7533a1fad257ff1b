#include "run_threads.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <thread>
#include <vector>

namespace eventstore::bench {

double run_threads(std::size_t threads, const ThreadWork& work) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start;
  // Runs in one of the threads, before any goes on.
  const auto note_start = [&start]() noexcept { start = Clock::now(); };
  std::barrier ready(static_cast<std::ptrdiff_t>(threads), note_start);
  std::vector<Clock::time_point> ends(threads);
  std::vector<std::jthread> running;
  running.reserve(threads);
  for (std::size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      work.prepare(thread);
      ready.arrive_and_wait();
      work.work(thread);
      ends[thread] = Clock::now();
    });
  }
  running.clear();  // joins

  double seconds = 0;
  for (const auto end : ends) {
    seconds = std::max(seconds, std::chrono::duration<double>(end - start).count());
  }
  return seconds;
}

}  // namespace eventstore::bench
