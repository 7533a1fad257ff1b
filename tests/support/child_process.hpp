#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace eventstore::test {

// A program that runs beside this process; what it writes to its standard output is kept. Its
// standard error is thrown away. Killed at the end of the object.
class ChildProcess {
 public:
  // The first word is the program, looked for where PATH says.
  explicit ChildProcess(const std::vector<std::string>& words);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Reads what it writes until `time` has passed, until it has written a line that begins with
  // `line`, or until it ends: then false.
  bool listen(std::chrono::microseconds time, std::string_view line = {});

  void send_signal(int signal) const;
  // Waits for its end and returns the status that waitpid() gives.
  int wait();

  const std::string& output() const { return output_; }

 private:
  pid_t process_ = 0;
  int pipe_ = -1;
  std::string output_;
  std::optional<int> status_;
};

// A program of the build that stands beside the one that runs.
std::string program_beside(std::string_view name);

// Whether a program can be started with these words, and ends with code 0.
bool can_run(const std::vector<std::string>& words);

}  // namespace eventstore::test
