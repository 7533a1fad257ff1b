#include "campaigns/real_store.hpp"

#include <cstdlib>

#include "campaigns/violation.hpp"
#include "core/campaign_hooks.hpp"
#include "eventstore/open.hpp"
#include "support/child_process.hpp"

namespace eventstore::test {

std::vector<std::string> append_command(const std::filesystem::path& store,
                                        const AppendLedger& ledger, std::uint64_t count) {
  std::vector<std::string> words;
  if (campaign_hooks.plant == Plant::None) {
    words = {program_beside("append_child")};
  } else {
    const auto plant = std::to_string(static_cast<int>(campaign_hooks.plant));
    words = {"env", "EVENTSTORE_PLANT=" + plant, program_beside("append_child_with_hooks")};
  }
  for (const auto& word : {store.string(), std::to_string(ledger.seed()), std::to_string(count)}) {
    words.push_back(word);
  }
  for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
    words.push_back(std::to_string(ledger.next_number(writer)));
  }
  return words;
}

void check_after(const char* what, const std::filesystem::path& store, AppendLedger& ledger) {
  const auto opened = open("file:" + store.string());
  if (!opened) {
    throw Violation{std::string("after ") + what +
                    " the store does not open: " + opened.error().message};
  }
  ledger.check(**opened);
}

bool has_strace() {
  static const bool there = can_run({"strace", "-qq", "-o", "/dev/null", "true"});
  return there;
}

std::vector<std::string> with_strace(const std::string& call, const std::string& what,
                                     std::uint64_t nth, std::vector<std::string> command) {
  std::vector<std::string> words = {
      "strace", "-f", "-qq", "-o", "/dev/null",
      // LeakSanitizer, where it is built in, cannot work under strace.
      "-E", "LSAN_OPTIONS=detect_leaks=0", "-e", "trace=" + call, "-e",
      "inject=" + call + ":" + what + ":when=" + std::to_string(nth)};
  for (auto& word : command) words.push_back(std::move(word));
  return words;
}

void run_command(const std::vector<std::string>& words) {
  if (can_run(words)) return;
  std::string command;
  for (const auto& word : words) command += word + " ";
  throw Violation{"this failed: " + command};
}

}  // namespace eventstore::test
