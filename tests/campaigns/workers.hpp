#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "campaigns/campaign.hpp"

namespace eventstore::test {

struct RunOptions {
  std::uint64_t first = 1;
  std::uint64_t episodes = 1;
  std::optional<std::chrono::minutes> time;  // in place of `episodes`: as many as there is time for
  unsigned jobs = 1;                         // processes
};

struct RunOutcome {
  Tally tally;  // the marks included
  std::uint64_t episodes = 0;
  // The highest that was begun. Where time ended the run, slower workers have left some out.
  std::uint64_t last_episode = 0;
  double seconds = 0;
  // The first episode in which a promise was broken, or which ended the process; and how.
  std::optional<std::pair<std::uint64_t, std::string>> violation;
};

// Runs a campaign in as many processes as asked for, each with its share of the episodes, and says
// on standard error now and then how far it is. Ends early at the first violation.
RunOutcome run_in_workers(Campaign& campaign, const RunOptions& options);

}  // namespace eventstore::test
