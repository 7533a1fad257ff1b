#include "cli/confirm.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <string_view>

#include <poll.h>
#include <unistd.h>

#include "cli/interrupt.hpp"
#include "cli/terminal_text.hpp"

namespace eventstore::cli {
namespace {

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

// A line of standard input without its end; absent where none comes.
std::optional<std::string> read_line(const Interrupt& interrupt) {
  std::array<pollfd, 2> fds{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                             {.fd = interrupt.wake_fd(), .events = POLLIN, .revents = 0}}};
  std::string line;
  for (;;) {
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[1].revents != 0) return std::nullopt;
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) != 1) return std::nullopt;
    if (byte == '\n') return line;
    line += byte;
  }
}

}  // namespace

Expected<void> confirm(const std::string& what) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) {
    return std::unexpected(usage_failure(what + "; give --yes if that is meant"));
  }
  const Interrupt interrupt;  // from before the question is seen
  say(escape_for_terminal(what) + ".\nType yes to go on: ");
  const auto answer = read_line(interrupt);
  if (!answer) say("\n");  // nobody else ended the line
  if (answer == "yes") return {};
  return std::unexpected(Failure("cancelled", "nothing was deleted"));
}

}  // namespace eventstore::cli
