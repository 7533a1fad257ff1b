#include "campaigns/workers.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <sstream>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/check.hpp"

namespace eventstore::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

// What a worker tells, one line each: "episode N" before each episode, "count N NAME" at the end,
// "violation N WHAT" where a promise is broken.
class Reporter {
 public:
  explicit Reporter(int pipe) : pipe_(pipe) {}

  void say(const std::string& line) const {
    const auto text = line + '\n';
    std::size_t done = 0;
    while (done < text.size()) {
      const auto count = write(pipe_, text.data() + done, text.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) std::_Exit(1);  // nobody listens any more
      done += static_cast<std::size_t>(count);
    }
  }

 private:
  int pipe_;
};

std::string in_one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

void work(Campaign& campaign, const RunOptions& options, unsigned worker, const Reporter& report) {
  const auto start = SteadyClock::now();
  Tally tally;
  auto episode = options.first + worker;
  const auto is_done = [&] {
    if (options.time) return SteadyClock::now() - start >= *options.time;
    return episode >= options.first + options.episodes;
  };
  for (; !is_done(); episode += options.jobs) {
    report.say("episode " + std::to_string(episode));
    try {
      campaign.run(episode, tally);
    } catch (const Violation& violation) {
      return report.say("violation " + std::to_string(episode) + " " + in_one_line(violation.what));
    } catch (const std::exception& error) {
      return report.say("violation " + std::to_string(episode) + " " + in_one_line(error.what()));
    }
  }
  for (std::size_t i = 0; i < kMarkNames.size(); ++i) {
    tally.add(kMarkNames.at(i), campaign_hooks.marks.at(i).load());
  }
  for (const auto& [name, count] : tally.counts()) {
    report.say("count " + std::to_string(count) + " " + name);
  }
}

// The parent's end of a worker.
struct Worker {
  pid_t process = 0;
  int pipe = -1;
  std::string unread;
  std::uint64_t episode = 0;  // that it is at
  std::uint64_t begun = 0;
};

Worker start_worker(Campaign& campaign, const RunOptions& options, unsigned number) {
  std::array<int, 2> ends{};
  CHECK(pipe(ends.data()) == 0);
  std::cout.flush();
  const auto process = fork();
  CHECK(process >= 0);
  if (process != 0) {
    close(ends[1]);
    return {.process = process, .pipe = ends[0], .unread = {}};
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(ends[0]);
  work(campaign, options, number, Reporter(ends[1]));
  std::_Exit(0);
}

void take_line(std::string_view line, Worker& worker, RunOutcome& outcome) {
  const auto word = line.substr(0, line.find(' '));
  const auto* const from = line.data() + word.size() + 1;
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(from, line.data() + line.size(), number);
  const auto rest_at = static_cast<std::size_t>(parsed.ptr - line.data());
  const auto rest = rest_at < line.size() ? line.substr(rest_at + 1) : std::string_view{};
  if (word == "episode") {
    worker.episode = number;
    ++worker.begun;
  } else if (word == "count") {
    outcome.tally.add(rest, number);
  } else if (word == "violation" && !outcome.violation) {
    outcome.violation = {number, std::string(rest)};
  }
}

// False: the worker has closed its end.
bool listen_to(Worker& worker, RunOutcome& outcome) {
  std::array<char, 4096> buffer{};
  const auto count = read(worker.pipe, buffer.data(), buffer.size());
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  worker.unread.append(buffer.data(), static_cast<std::size_t>(count));
  std::size_t begin = 0;
  for (auto end = worker.unread.find('\n'); end != std::string::npos;
       end = worker.unread.find('\n', begin)) {
    take_line(std::string_view(worker.unread).substr(begin, end - begin), worker, outcome);
    begin = end + 1;
  }
  worker.unread.erase(0, begin);
  return true;
}

void end_worker(Worker& worker, RunOutcome& outcome, bool was_stopped) {
  close(worker.pipe);
  int status = 0;
  waitpid(worker.process, &status, 0);
  worker.pipe = -1;
  if (was_stopped || outcome.violation || status == 0) return;
  std::ostringstream what;
  if (WIFSIGNALED(status)) {
    what << "the process was ended by signal " << WTERMSIG(status);
  } else {
    what << "the process ended with code " << WEXITSTATUS(status);
  }
  outcome.violation = {worker.episode, what.str()};
}

}  // namespace

RunOutcome run_in_workers(Campaign& campaign, const RunOptions& options) {
  const auto start = SteadyClock::now();
  auto said = start;
  RunOutcome outcome;
  std::vector<Worker> workers;
  for (unsigned i = 0; i < options.jobs; ++i) workers.push_back(start_worker(campaign, options, i));
  const auto seconds = [&] {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
  };
  auto running = workers.size();
  while (running > 0) {
    std::vector<pollfd> waiting;
    for (const auto& worker : workers) {
      waiting.push_back({.fd = worker.pipe, .events = POLLIN, .revents = 0});
    }
    poll(waiting.data(), waiting.size(), 1000);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      auto& worker = workers[i];
      if (worker.pipe < 0 || waiting[i].revents == 0) continue;
      if (listen_to(worker, outcome)) continue;
      end_worker(worker, outcome, /*was_stopped=*/false);
      --running;
    }
    if (outcome.violation) {
      for (auto& worker : workers) {
        if (worker.pipe < 0) continue;
        kill(worker.process, SIGKILL);
        end_worker(worker, outcome, /*was_stopped=*/true);
        --running;
      }
    }
    if (SteadyClock::now() - said > std::chrono::seconds(20)) {
      said = SteadyClock::now();
      std::uint64_t begun = 0;
      for (const auto& worker : workers) begun += worker.begun;
      std::cerr << "  after " << static_cast<int>(seconds()) << " s: " << begun << " episodes\n";
    }
  }
  // Each worker takes every so many-th episode: all up to where the slowest came were run.
  outcome.last_episode = workers.front().episode;
  for (const auto& worker : workers) {
    outcome.episodes += worker.begun;
    outcome.last_episode = std::min(outcome.last_episode, worker.episode);
  }
  outcome.seconds = seconds();
  return outcome;
}

}  // namespace eventstore::test
