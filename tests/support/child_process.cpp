#include "support/child_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/check.hpp"

namespace eventstore::test {

ChildProcess::ChildProcess(const std::vector<std::string>& words) {
  std::array<int, 2> ends{};
  CHECK(pipe2(ends.data(), O_CLOEXEC) == 0);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  process_ = fork();
  CHECK(process_ >= 0);
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    const int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    std::_Exit(127);
  }
  close(ends[1]);
  pipe_ = ends[0];
}

ChildProcess::~ChildProcess() {
  if (!status_) {
    send_signal(SIGCONT);
    send_signal(SIGKILL);
    wait();
  }
  close(pipe_);
}

bool ChildProcess::listen(std::chrono::microseconds time, std::string_view line) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    if (!line.empty() && (output_.starts_with(line) ||
                          output_.find("\n" + std::string(line)) != std::string::npos)) {
      return true;
    }
    const auto left = end - std::chrono::steady_clock::now();
    const auto nanoseconds = std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(left));
    const timespec wait_time{.tv_sec = nanoseconds.count() / 1'000'000'000,
                             .tv_nsec = nanoseconds.count() % 1'000'000'000};
    pollfd waiting{.fd = pipe_, .events = POLLIN, .revents = 0};
    const int ready = ppoll(&waiting, 1, &wait_time, nullptr);
    if (ready == 0) return true;
    std::array<char, 65536> buffer{};
    const auto count = read(pipe_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    output_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

void ChildProcess::send_signal(int signal) const {
  kill(process_, signal);
}

int ChildProcess::wait() {
  if (status_) return *status_;
  while (listen(std::chrono::hours(1))) {
  }
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
  return status;
}

std::string program_beside(std::string_view name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

bool can_run(const std::vector<std::string>& words) {
  ChildProcess process(words);
  const auto status = process.wait();
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace eventstore::test
