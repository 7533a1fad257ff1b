#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <expected>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "campaigns/campaign.hpp"
#include "campaigns/workers.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

constexpr int kPassed = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kSkipped = 77;  // ctest's SKIP_RETURN_CODE

constexpr std::string_view kUsageText =
    "usage: campaigns NAME [SWITCH...]\n"
    "  --first N       the first episode (1)\n"
    "  --episodes N    so many (what a test run does)\n"
    "  --minutes N     as many as there is time for\n"
    "  --jobs N        in so many processes (1)\n"
    "  --plant BUG     with a bug planted in the engine\n"
    "  --plants        once for each bug that the campaign must notice; passes if it does\n"
    "  --ledger FILE   append a line about the run, with --commit HASH\n"
    "of the campaign \"crash\":\n"
    "  --cycles N      at most so many crashes in an episode\n"
    "  --without WHAT  of faults, readers, power-losses, crashes-in-recovery\n"
    "  --verbose yes   say what an episode does\n"
    "of the campaign \"ordering\":\n"
    "  --events N      so many in an episode, on a server that crashes, through connections that "
    "are cut\n"
    "of the campaign \"differential\":\n"
    "  --verbose yes   say what an episode does\n"
    "A campaign that finds something prints the switches that show it again.\n";

struct Arguments {
  std::string name;
  RunOptions run;
  bool whole = true;  // what a test run does, no more and no less
  bool all_plants = false;
  Plant plant = Plant::None;
  std::string ledger;
  std::string commit = "unknown";
  std::string switches;  // as given, but for those that say how much
};

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Plant> plant_named(std::string_view name) {
  const auto* const known = std::ranges::find(kPlantNames, name);
  if (known == kPlantNames.end()) return std::nullopt;
  return static_cast<Plant>(known - kPlantNames.begin());
}

// False: the switch or its value is none.
bool take_switch(std::string_view name, std::string_view value, Arguments& to, Campaign& campaign) {
  const auto number = number_in(value);
  if (name == "first" && number) {
    to.run.first = *number;
  } else if (name == "episodes" && number) {
    to.run.episodes = *number;
    to.whole = false;
  } else if (name == "minutes" && number) {
    to.run.time = std::chrono::minutes(*number);
    to.whole = false;
  } else if (name == "jobs" && number && *number > 0) {
    to.run.jobs = static_cast<unsigned>(*number);
  } else if (name == "plant" && plant_named(value)) {
    to.plant = *plant_named(value);
    to.switches.append(" --plant ").append(value);
  } else if (name == "ledger") {
    to.ledger = value;
  } else if (name == "commit") {
    to.commit = value;
  } else if (campaign.set(name, value)) {
    to.switches.append(" --").append(name).append(" ").append(value);
    to.whole = false;
  } else {
    return false;
  }
  return true;
}

// Or what is wrong with the words.
std::expected<Arguments, std::string> parse(std::span<char*> words, Campaign& campaign) {
  Arguments arguments;
  arguments.name = words[1];
  arguments.run.episodes = scaled(campaign.episodes());
  for (std::size_t i = 2; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!word.starts_with("--")) return std::unexpected("no switch: " + std::string(word));
    word.remove_prefix(2);
    if (word == "plants") {
      arguments.all_plants = true;
      continue;
    }
    if (++i == words.size()) return std::unexpected("no value for --" + std::string(word));
    if (!take_switch(word, words[i], arguments, campaign)) {
      return std::unexpected("no such switch, or not with this value: --" + std::string(word) +
                             " " + words[i]);
    }
  }
  return arguments;
}

void print(const RunOutcome& outcome, const std::string& name) {
  std::cout << name << ": " << outcome.episodes << " episodes in " << std::fixed
            << std::setprecision(1) << outcome.seconds << " s\n";
  for (const auto& [what, count] : outcome.tally.counts()) {
    if (count == 0) continue;
    std::cout << std::setw(12) << count << "  " << what << '\n';
  }
}

// A deterministic campaign's episodes must do the same when they are run twice.
bool is_deterministic(Campaign& campaign, const RunOptions& options) {
  const auto end = options.first + std::min<std::uint64_t>(scaled(200), options.episodes);
  std::uint64_t checked = 0;
  for (auto episode = options.first; episode < end; ++episode) {
    const auto trace = campaign.trace_of(episode);
    if (!trace) return true;
    if (trace != campaign.trace_of(episode)) {
      std::cout << "episode " << episode << " does not do the same twice\n";
      return false;
    }
    ++checked;
  }
  std::cout << checked << " episodes did the same twice\n";
  return true;
}

bool reaches_floors(const Campaign& campaign, const Tally& tally) {
  bool reached = true;
  for (const auto& floor : campaign.floors()) {
    if (tally.of(floor.name) >= floor.count) continue;
    std::cout << "only " << tally.of(floor.name) << " of \"" << floor.name << "\", at least "
              << floor.count << " are wanted\n";
    reached = false;
  }
  return reached;
}

void explain(const RunOutcome& outcome, const Arguments& arguments, Campaign& campaign) {
  const auto& [episode, what] = *outcome.violation;
  std::cout << "episode " << episode << ": " << what << '\n';
  const auto again = "campaigns " + arguments.name + " --first " + std::to_string(episode) +
                     " --episodes 1" + arguments.switches;
  std::cout << "again: " << again << std::endl;
  const auto less = campaign.shrink(episode);
  if (!less.empty()) std::cout << "with less: " << again << " " << less << '\n';
}

void append_to_ledger(const Arguments& arguments, const RunOutcome& outcome) {
  const auto now = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const std::chrono::year_month_day date{now};
  std::ofstream file(arguments.ledger, std::ios::app);
  file << "| " << static_cast<int>(date.year()) << '-' << std::setfill('0') << std::setw(2)
       << static_cast<unsigned>(date.month()) << '-' << std::setw(2)
       << static_cast<unsigned>(date.day()) << " | " << arguments.commit << " | " << arguments.name
       << " | " << arguments.run.first << " to "
       << std::max(arguments.run.first, outcome.last_episode) << " | "
       << static_cast<int>(outcome.seconds / 60) << " | " << outcome.episodes << " episodes";
  for (const auto& [what, count] : outcome.tally.counts()) {
    if (std::ranges::find(kMarkNames, what) != kMarkNames.end()) continue;
    file << "; " << count << ' ' << what;
  }
  file << " | ";
  if (outcome.violation) {
    file << "episode " << outcome.violation->first << ": " << outcome.violation->second;
  } else {
    file << "passed";
  }
  file << " |\n";
}

// The search ends with the first episode that notices something, so it may be a long one.
int notice_plants(const Arguments& arguments, Campaign& campaign) {
  auto options = arguments.run;
  if (arguments.whole) options.episodes = 5 * campaign.episodes();
  int result = kPassed;
  for (const auto plant : campaign.plants()) {
    campaign_hooks.plant = plant;
    const auto outcome = run_in_workers(campaign, options);
    std::cout << kPlantNames.at(static_cast<std::size_t>(plant)) << ": " << std::fixed;
    if (outcome.violation) {
      std::cout << "noticed in episode " << outcome.violation->first << ", after "
                << std::setprecision(2) << outcome.seconds << " s: " << outcome.violation->second
                << std::endl;
    } else {
      std::cout << "not noticed in " << outcome.episodes << " episodes" << std::endl;
      result = kFailed;
    }
  }
  return result;
}

int run(const Arguments& arguments, Campaign& campaign) {
  if (const auto obstacle = campaign.obstacle()) {
    std::cout << arguments.name << " is skipped: " << *obstacle << '\n';
    return kSkipped;
  }
  if (arguments.all_plants) return notice_plants(arguments, campaign);
  campaign_hooks.plant = arguments.plant;
  const auto outcome = run_in_workers(campaign, arguments.run);
  print(outcome, arguments.name);
  if (!arguments.ledger.empty()) append_to_ledger(arguments, outcome);
  if (outcome.violation) {
    explain(outcome, arguments, campaign);
    return kFailed;
  }
  const bool is_full = arguments.whole && arguments.run.episodes >= campaign.episodes();
  if (is_full && !reaches_floors(campaign, outcome.tally)) return kFailed;
  if (arguments.whole && !is_deterministic(campaign, arguments.run)) return kFailed;
  return kPassed;
}

int explain_usage(const std::string& fault) {
  std::cerr << fault << '\n' << kUsageText << "campaigns:";
  for (const auto& name : campaign_names()) std::cerr << ' ' << name;
  std::cerr << '\n';
  return kUsage;
}

int main_of(std::span<char*> words) {
  if (words.size() < 2) return explain_usage("no campaign is named");
  const auto campaign = make_campaign(words[1]);
  if (campaign == nullptr) return explain_usage("no campaign \"" + std::string(words[1]) + '"');
  const auto arguments = parse(words, *campaign);
  return arguments ? run(*arguments, *campaign) : explain_usage(arguments.error());
}

}  // namespace
}  // namespace eventstore::test

int main(int count, char** words) {
  return eventstore::test::main_of({words, static_cast<std::size_t>(count)});
}
