// A process to be killed: appends to a store with a few threads and says what it does.
//
//   append_child FOLDER SEED COUNT NEXT...
//
// Each writer goes on with its NEXT number and makes COUNT appends (0: without end). Ends with code
// 0 when all are done, and with code 3 after an append that failed.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "campaigns/known_appends.hpp"
#include "core/campaign_hooks.hpp"
#include "eventstore/open.hpp"

namespace eventstore::test {
namespace {

constexpr int kUsage = 2;
constexpr int kAppendFailed = 3;
constexpr int kOpenFailed = 4;

// In one call, so that no line of another thread comes between.
void say(const std::string& line) {
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(1);
}

int run(std::span<char*> words) {
  if (words.size() != 4 + kWriters) return kUsage;
#ifdef EVENTSTORE_CAMPAIGN_HOOKS
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread yet
  if (const char* const plant = std::getenv("EVENTSTORE_PLANT")) {
    campaign_hooks.plant = static_cast<Plant>(std::atoi(plant));
  }
#endif
  const auto seed = std::strtoull(words[2], nullptr, 10);
  const auto count = std::strtoull(words[3], nullptr, 10);
  const auto store = open("file:" + std::string(words[1]), {.segment_bytes_max = 64 << 10});
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return kOpenFailed;
  }
  say("opened\n");
  std::atomic<int> code = 0;
  {
    std::vector<std::jthread> writers;
    for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
      const auto next = std::strtoull(words[4 + writer], nullptr, 10);
      writers.emplace_back([&, writer, next] {
        for (auto number = next; count == 0 || number < next + count; ++number) {
          const AppendNumber append{.writer = writer, .number = number};
          say(tries_line(append));
          const auto answer = (*store)->append(known_append(seed, append));
          if (!answer) {
            say("f " + std::string(to_string(answer.error().code)) + "\n");
            code = kAppendFailed;
            return;
          }
          say(acknowledged_line(append, answer->last_position));
        }
      });
    }
  }
  return code;
}

}  // namespace
}  // namespace eventstore::test

int main(int count, char** words) {
  return eventstore::test::run({words, static_cast<std::size_t>(count)});
}
