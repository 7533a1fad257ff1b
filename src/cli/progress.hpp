#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace eventstore::cli {

// A line on standard error that says how far a long command is, a few times a second; nothing where
// standard error is no terminal. One thread at a time.
class Progress {
 public:
  // `verb` is such as "read". Shows nothing before `patience` is over.
  explicit Progress(std::string verb,
                    std::chrono::milliseconds patience = std::chrono::milliseconds(200));
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `share` is how much of the work is done, from 0 to 1, if known.
  void show(std::uint64_t events, std::optional<double> share = {});
  // Whether the next line would be shown, for when it costs something to know what to say.
  bool is_due() const { return on_terminal_ && Clock::now() >= next_; }
  void show_line(const std::string& line);  // cut at the terminal's edge
  void clear();                             // takes the line away, before anything else is printed

 private:
  using Clock = std::chrono::steady_clock;

  std::string verb_;
  bool on_terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

}  // namespace eventstore::cli
