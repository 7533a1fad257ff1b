#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include <sys/types.h>

namespace eventstore::bench {

// This program, run again, with its standard input and output in pipes.
//
// Ownership: closes the pipes. Whoever starts a child waits for it.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void write_line(const std::string& line);
  std::string read_line();  // with its end

  void kill() const;
  int wait() const;  // the status, as waitpid() has it

 private:
  ::pid_t process_ = 0;
  std::FILE* input_ = nullptr;
  std::FILE* output_ = nullptr;
};

}  // namespace eventstore::bench
