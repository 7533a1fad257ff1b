#include "child.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.hpp"

namespace eventstore::bench {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail_with_errno("pipe2");
  return pipe;
}

}  // namespace

Child::Child(std::vector<std::string> arguments) {
  const auto input = make_pipe();
  const auto output = make_pipe();
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  errno = ::posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  if (errno != 0) fail_with_errno("posix_spawn");
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  input_ = ::fdopen(input[1], "w");
  output_ = ::fdopen(output[0], "r");
}

Child::~Child() {
  std::fclose(input_);
  std::fclose(output_);
}

void Child::write_line(const std::string& line) {
  if (std::fputs((line + "\n").c_str(), input_) < 0 || std::fflush(input_) != 0) {
    fail_with_errno("write to a child process");
  }
}

std::string Child::read_line() {
  std::array<char, 256> line{};
  if (std::fgets(line.data(), line.size(), output_) == nullptr) fail("a child process failed");
  return line.data();
}

void Child::kill() const {
  ::kill(process_, SIGKILL);
}

int Child::wait() const {
  int status = 0;
  if (::waitpid(process_, &status, 0) != process_) fail_with_errno("waitpid");
  return status;
}

}  // namespace eventstore::bench
