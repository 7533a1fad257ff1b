#include "recording_handler.hpp"

#include <algorithm>
#include <thread>

#include "harness.hpp"

namespace eventstore::bench {

void wait_until(const std::function<bool()>& is_so) {
  constexpr double kSecondsMax = 60;
  for (const Stopwatch watch; !is_so();) {
    if (watch.seconds() > kSecondsMax) fail("a subscriber does not come to its end");
    // Looked at again after a while: a notice of each handler would be part of what is measured.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::uint64_t add_delivery(Histogram& delivery, const std::vector<Acknowledged>& appends,
                           const RecordingHandler& handler) {
  for (const auto& handled : handler.handled()) {
    const auto place = handled.position.value - appends.front().position.value;
    if (place >= appends.size()) fail("a subscriber has an event that nobody appended");
    const auto time = handled.at - appends[place].at;
    delivery.record(std::max(time, std::chrono::steady_clock::duration::zero()));
  }
  return handler.handled().size();
}

}  // namespace eventstore::bench
