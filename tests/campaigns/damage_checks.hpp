#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "campaigns/campaign.hpp"
#include "campaigns/damage.hpp"

namespace eventstore::test {

// What a damaged store is held against.
struct BeforeDamage {
  const Model& model;
  const DamageMap& damage;
  std::uint64_t seed;
  StoreLimits limits;
  std::set<std::string> misplaced;  // files in which something stands where it does not belong
};

// Opens a damaged store, for writing or for reading alone, and asks it everything: nothing it hands
// out may be wrong; what it does not hand out it must report; what is not damaged must be readable;
// verification must name what is. Throws Violation.
void check_damaged_store(const SimulatedDisk& damaged, const BeforeDamage& before, bool read_only,
                         Tally& tally);

// Has the background check go over it, where it opens for writing: it must find what is damaged of
// sealed segments, and accuse nothing else. Throws Violation.
void check_scrub(const SimulatedDisk& damaged, const BeforeDamage& before, Tally& tally);

// Repairs it from a copy that is whole, which must mend everything, but for what says which
// segments there are. Throws Violation.
void check_repair(const SimulatedDisk& damaged, const SimulatedDisk& copy,
                  const BeforeDamage& before, Tally& tally);

}  // namespace eventstore::test
