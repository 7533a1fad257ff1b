#pragma once

#include <memory>

#include "campaigns/damage_checks.hpp"
#include "core/seeded_random.hpp"
#include "core/simulated_clock.hpp"
#include "core/simulated_file_system.hpp"
#include "log/log_store.hpp"

namespace eventstore::test {

// A store on a damaged disk: the same machine without a restart, for some; another one for others.
class DamagedMachine {
 public:
  DamagedMachine(const SimulatedDisk& disk, const BeforeDamage& before)
      : files_(before.seed, disk), random_(before.seed), limits_(before.limits) {}

  Result<std::unique_ptr<log::LogStore>> open(bool read_only) {
    OpenOptions options;
    options.segment_bytes_max = limits_.segment_bytes_max;
    options.read_only = read_only;
    options.create = false;
    return log::LogStore::open({.files = &files_, .clock = &clock_, .random = &random_}, "store",
                               options,
                               {.prewrite_bytes = limits_.prewrite_bytes,
                                .run_events_max = limits_.run_events_max,
                                .merge_width = limits_.merge_width,
                                .threads = false},
                               "simulated", nullptr);
  }

 private:
  SimulatedFileSystem files_;
  SimulatedClock clock_;
  SeededRandom random_;
  StoreLimits limits_;
};

}  // namespace eventstore::test
