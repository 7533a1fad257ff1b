#include "core/posix_map_registry.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>

#include <sys/mman.h>
#include <unistd.h>

#include "core/campaign_hooks.hpp"
#include "core/check.hpp"
#include "core/mapped_access.hpp"

namespace eventstore {
namespace {

// Of this thread. What the handler uses is there before: a MappedAccess was made.
thread_local std::uint64_t accesses = 0;
thread_local std::uint64_t failures = 0;

// The handler takes the lock too. It never waits for its own thread: who holds the lock accesses no
// map.
class Registry {
 public:
  void add(std::span<const std::byte> map) {
    auto node = nodes_of(map);
    const Locked locked(*this);
    maps_.merge(node);
  }
  void drop(std::span<const std::byte> map) {
    Maps::node_type dropped;
    const Locked locked(*this);
    dropped = maps_.extract(address_of(map.data()));
  }
  bool has(std::uintptr_t address) {
    const Locked locked(*this);
    const auto after = maps_.upper_bound(address);
    if (after == maps_.begin()) return false;
    const auto& [begin, size] = *std::prev(after);
    return address - begin < size;
  }

  static std::uintptr_t address_of(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }

 private:
  using Maps = std::map<std::uintptr_t, std::size_t>;

  class Locked {
   public:
    explicit Locked(Registry& registry) : registry_(registry) {
      while (registry_.locked_.test_and_set(std::memory_order_acquire)) {
      }
    }
    ~Locked() { registry_.locked_.clear(std::memory_order_release); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

   private:
    Registry& registry_;
  };

  static Maps nodes_of(std::span<const std::byte> map) {
    return {{address_of(map.data()), map.size()}};
  }

  std::atomic_flag locked_;
  Maps maps_;  // by their first byte; guarded by locked_
};

struct sigaction handler_before{};
std::uintptr_t page_bytes = 0;

// Never destroyed: maps may live as long as the process.
Registry& registry() {
  static Registry& of_this_process = *new Registry;
  return of_this_process;
}

bool replace_page(std::uintptr_t address) {
  if (accesses == 0 || !registry().has(address)) return false;
  if (is_planted(Plant::NoBusErrorGuard)) return false;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the address of a fault is a number
  auto* const page = reinterpret_cast<void*>(address & ~(page_bytes - 1));
  if (mmap(page, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
           0) == MAP_FAILED) {
    return false;
  }
  std::memset(page, std::to_integer<int>(kLostByte), page_bytes);
  ++failures;
  return true;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error_number = errno;
  const bool replaced = replace_page(Registry::address_of(info->si_addr));
  errno = error_number;
  if (replaced) return;
  if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
    return handler_before.sa_sigaction(signal, info, context);
  }
  if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN) {
    return handler_before.sa_handler(signal);
  }
  // The access is made once more, and ends the process there.
  sigaction(SIGBUS, &handler_before, nullptr);
}

void install_handler() {
  static const bool installed = [] {
    page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    static_cast<void>(registry());
    struct sigaction handler{};
    handler.sa_sigaction = on_bus_error;
    handler.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&handler.sa_mask);
    CHECK(sigaction(SIGBUS, &handler, &handler_before) == 0);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace

namespace internal {

void register_map(std::span<const std::byte> map) {
  install_handler();
  registry().add(map);
}

void unregister_map(std::span<const std::byte> map) {
  registry().drop(map);
}

}  // namespace internal

MappedAccess::MappedAccess() : failures_before_(failures) {
  ++accesses;
}

MappedAccess::~MappedAccess() {
  --accesses;
}

bool MappedAccess::failed() const {
  return failures != failures_before_;
}

}  // namespace eventstore
