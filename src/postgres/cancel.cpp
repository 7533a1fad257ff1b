#include "postgres/cancel.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace eventstore::postgres {
namespace {

// Requests that may be on their way to servers at once.
constexpr int kCancelsMax = 8;

struct Free {
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};

}  // namespace

// libpq only cancels by a call that blocks, so each request has a thread that nobody waits for.
void cancel(PGconn* connection) {
  static constinit std::atomic<int> under_way = 0;
  std::unique_ptr<PGcancel, Free> request(PQgetCancel(connection));
  if (request == nullptr) return;
  if (under_way.fetch_add(1) >= kCancelsMax) {
    --under_way;
    return;
  }
  try {
    std::thread([request = std::move(request)] {
      std::array<char, 256> error{};
      PQcancel(request.get(), error.data(), static_cast<int>(error.size()));
      --under_way;
    }).detach();
  } catch (const std::system_error&) {  // no thread is left
    --under_way;
  }
}

}  // namespace eventstore::postgres
