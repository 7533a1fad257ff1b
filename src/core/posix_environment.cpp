#include "core/posix_environment.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <pthread.h>
#include <sys/random.h>

#include "core/check.hpp"
#include "core/posix_file_system.hpp"

namespace eventstore {
namespace {

// How often this process, or one of its ancestors, came out of fork() as the child.
std::atomic<std::uint64_t> fork_count = 1;

void fill_from_kernel(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);
    CHECK(count > 0 || errno == EINTR);  // it can fail in no other way
    if (count > 0) out = out.subspan(static_cast<std::size_t>(count));
  }
}

struct RandomBuffer {
  std::array<std::byte, 4096> bytes{};
  std::size_t used = sizeof(bytes);
  std::uint64_t fork_count = 0;
};

}  // namespace

Timestamp PosixClock::wall_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::chrono::steady_clock::time_point PosixClock::monotonic_now() {
  return std::chrono::steady_clock::now();
}

void PosixRandom::fill(std::span<std::byte> out) {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1, std::memory_order_relaxed); });
  CHECK(registered == 0);
  static thread_local RandomBuffer buffer;

  if (out.empty()) return;
  if (out.size() > buffer.bytes.size()) return fill_from_kernel(out);
  // Relaxed: a child has one thread, the one that changed the count.
  const std::uint64_t forks = fork_count.load(std::memory_order_relaxed);
  if (buffer.used + out.size() > buffer.bytes.size() || buffer.fork_count != forks) {
    fill_from_kernel(buffer.bytes);
    buffer.used = 0;
    buffer.fork_count = forks;
  }
  std::byte* const from = buffer.bytes.data() + buffer.used;
  std::memcpy(out.data(), from, out.size());
  std::memset(from, 0, out.size());  // what was handed out is not to be found here
  buffer.used += out.size();
}

// None of them is destroyed: a store may be a static object and close after everything else.
const Environment& posix_environment() {
  static const Environment environment{
      .files = new PosixFileSystem, .clock = new PosixClock, .random = new PosixRandom};
  return environment;
}

}  // namespace eventstore
