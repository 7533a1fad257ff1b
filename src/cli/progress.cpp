#include "cli/progress.hpp"

#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/output.hpp"
#include "cli/terminal_text.hpp"

namespace eventstore::cli {

Progress::Progress(std::string verb, std::chrono::milliseconds patience)
    : verb_(std::move(verb)),
      on_terminal_(::isatty(STDERR_FILENO) == 1),
      next_(start_ + patience) {}

void Progress::show(std::uint64_t events, std::optional<double> share) {
  if (!is_due()) return;
  const std::chrono::duration<double> seconds = Clock::now() - start_;
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(events) / seconds.count());
  const auto percent = share ? fmt::format(", {:.0f} %", *share * 100) : "";
  show_line(fmt::format("{} {} ({} events/s{})", counted(events, "event"), verb_,
                        with_thousands(rate), percent));
}

void Progress::show_line(const std::string& line) {
  if (!is_due()) return;
  next_ = Clock::now() + std::chrono::milliseconds(200);
  shown_ = true;
  const auto columns = Output(STDERR_FILENO).terminal_columns();
  // \r returns to the line's start, \x1b[K clears what is left of it.
  fmt::print(stderr, "\r{}\x1b[K", columns > 1 ? cut_to_columns(line, columns - 1) : line);
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace eventstore::cli
