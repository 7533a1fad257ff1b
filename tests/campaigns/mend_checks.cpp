#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "campaigns/checked_store.hpp"
#include "campaigns/damage_checks.hpp"
#include "campaigns/damaged_machine.hpp"
#include "log/folder.hpp"
#include "log/repair.hpp"

// What finds damage in the background, and what mends it.
namespace eventstore::test {

void check_scrub(const SimulatedDisk& damaged, const BeforeDamage& before, Tally& tally) {
  DamagedMachine machine(damaged, before);
  const auto opened = machine.open(/*read_only=*/false);
  if (!opened) return;
  auto& store = **opened;
  while (store.scrub_step(std::uint64_t{1} << 20) != 0) {
  }
  const auto& damage = before.damage;
  const bool is_by_other =
      damage.is_damaged(log::manifest_path("store")) || damage.is_damaged(log::head_path("store"));
  std::set<std::string> found;
  for (const auto& finding : store.health().scrub.findings) {
    found.insert(finding.where.file);
    if (damage.is_damaged(finding.where.file) || is_by_other) continue;
    throw Violation{"the background check accuses a file that is whole: " + finding.message};
  }
  for (const auto& path : damage.damaged_segments()) {
    if (found.contains(path) || is_by_other) continue;
    throw Violation{"the background check does not find the damage of " + path};
  }
  if (!found.empty()) tally.add("damaged stores that the background check found out");
}

void check_repair(const SimulatedDisk& damaged, const SimulatedDisk& copy,
                  const BeforeDamage& before, Tally& tally) {
  const auto& damage = before.damage;
  if (damage.is_damaged(log::manifest_path("store")) ||
      damage.is_damaged(log::head_path("store"))) {
    return;
  }
  auto disk = damaged;
  for (const auto& path : copy.files()) {
    disk.put("copy" + path.substr(std::string_view("store").size()), copy.contents(path));
  }
  CheckedStore store(before.seed, before.limits, std::move(disk));
  store.know(before.model, {});
  {
    SeededRandom random(before.seed);
    const auto source = log::open_folder_source(store.files(), "copy");
    if (!source) throw Violation{"the copy does not open: " + source.error().message};
    const auto report =
        log::repair_log({.files = &store.files(), .clock = &store.clock(), .random = &random},
                        "store", **source, {});
    if (!report) throw Violation{"repair fails: " + report.error().message};
    if (!report->remaining.empty()) {
      throw Violation{"repair leaves this: " + report->remaining.front().message};
    }
  }
  if (!store.open() || !store.perform(AskEverything{})) {
    throw Violation{"a repaired store does not work"};
  }
  tally.add("damaged stores repaired");
}

}  // namespace eventstore::test
