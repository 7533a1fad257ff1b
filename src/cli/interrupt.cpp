#include "cli/interrupt.hpp"

#include <array>
#include <cstdint>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace eventstore::cli {
namespace {

void raise_flag(int event_fd) {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from its limit.
  [[maybe_unused]] const auto written = ::write(event_fd, &one, sizeof(one));
}

}  // namespace

Interrupt::Interrupt()
    : wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      end_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  signal_fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  // Without descriptors nobody would hear of a signal, which therefore ends the process as ever.
  if (wake_fd_ < 0 || end_fd_ < 0 || signal_fd_ < 0) return;
  pthread_sigmask(SIG_BLOCK, &signals, &mask_before_);
  watcher_ = std::jthread([this] { watch(); });
}

Interrupt::~Interrupt() {
  if (watcher_.joinable()) {
    raise_flag(end_fd_);
    watcher_.join();
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  for (const int fd : {signal_fd_, wake_fd_, end_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

void Interrupt::watch() {
  std::array<pollfd, 2> fds{{{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                             {.fd = end_fd_, .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo signal{};
    if (::read(signal_fd_, &signal, sizeof(signal)) != sizeof(signal)) continue;
    if (requested()) ::_exit(128 + static_cast<int>(signal.ssi_signo));
    source_.request_stop();
    raise_flag(wake_fd_);
  }
}

}  // namespace eventstore::cli
