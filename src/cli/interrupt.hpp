#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace eventstore::cli {

// While it lives, SIGINT and SIGTERM ask the command to stop, so that it can end cleanly; a second
// one ends the process at once. Make it before the store is opened: threads inherit its signal
// mask. Threads: token(), requested() and wake_fd() from any.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  bool requested() const { return source_.stop_requested(); }
  // Readable from the first signal on: what a wait for input polls beside its file.
  int wake_fd() const { return wake_fd_; }

 private:
  void watch();

  std::stop_source source_;
  sigset_t mask_before_{};
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  int end_fd_ = -1;
  std::jthread watcher_;
};

}  // namespace eventstore::cli
