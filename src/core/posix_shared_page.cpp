#include "core/posix_shared_page.hpp"

#include <bit>
#include <cerrno>
#include <climits>
#include <ctime>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/posix_file.hpp"
#include "core/posix_map_registry.hpp"

namespace eventstore::internal {
namespace {

// Where the low half of words[0] is.
constexpr std::size_t kWakeUpWord = std::endian::native == std::endian::little ? 0 : 1;

class FutexPage final : public SharedPage {
 public:
  explicit FutexPage(void* at) {
    words_ = static_cast<std::uint64_t*>(at);
    register_map(std::as_bytes(words()));
  }
  ~FutexPage() override {
    unregister_map(std::as_bytes(words()));
    munmap(words_, kBytes);
  }
  FutexPage(const FutexPage&) = delete;
  FutexPage& operator=(const FutexPage&) = delete;

  void wait(std::uint32_t seen, std::chrono::microseconds timeout) override {
    if (timeout <= std::chrono::microseconds::zero()) return;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
    const std::chrono::nanoseconds rest = timeout - seconds;
    const timespec relative{.tv_sec = seconds.count(), .tv_nsec = rest.count()};
    futex(FUTEX_WAIT, seen, &relative);  // whatever it answers, the caller looks again
  }

  void wake_all() override { futex(FUTEX_WAKE, INT_MAX, nullptr); }

 private:
  // Without FUTEX_PRIVATE_FLAG: the kernel then goes by file and offset, not by address.
  void futex(int operation, std::uint32_t value, const timespec* timeout) {
    const auto* const word = reinterpret_cast<const std::uint32_t*>(words_) + kWakeUpWord;
    syscall(SYS_futex, word, operation, value, timeout, nullptr, 0);
  }
};

}  // namespace

Result<std::unique_ptr<SharedPage>> map_shared_page(int descriptor, std::string_view path,
                                                    FileSystem::Access access) {
  const auto size = size_of(descriptor, path);
  if (!size) return std::unexpected(size.error());
  if (*size < SharedPage::kBytes) {
    return std::unexpected(map_beyond_end(path, SharedPage::kBytes, *size));
  }
  const int protection =
      access == FileSystem::Access::ReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const at = mmap(nullptr, SharedPage::kBytes, protection, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED) return std::unexpected(system_error(path, "mmap", errno));
  return std::make_unique<FutexPage>(at);
}

}  // namespace eventstore::internal
