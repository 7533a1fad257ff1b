#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "campaigns/checked_store.hpp"
#include "core/campaign_hooks.hpp"

namespace eventstore::test {

// What a campaign counted, by name.
class Tally {
 public:
  void add(std::string_view name, std::uint64_t count = 1) { counts_[std::string(name)] += count; }
  std::uint64_t of(std::string_view name) const {
    const auto found = counts_.find(std::string(name));
    return found == counts_.end() ? 0 : found->second;
  }
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

struct Floor {
  std::string name;  // of a count, or of a mark
  std::uint64_t count;
};

// Tries to break a promise of the engine, episode by episode. The number of an episode decides all
// that it does, as far as the campaign is deterministic.
class Campaign {
 public:
  Campaign() = default;
  virtual ~Campaign() = default;
  Campaign(const Campaign&) = delete;
  Campaign& operator=(const Campaign&) = delete;

  // How many episodes a test run does, and what they must have counted by the end, at least.
  virtual std::uint64_t episodes() const = 0;
  virtual std::vector<Floor> floors() const { return {}; }

  // Why it cannot run here; absent where it can.
  virtual std::optional<std::string> obstacle() { return std::nullopt; }

  // Throws Violation where the engine breaks a promise.
  virtual void run(std::uint64_t episode, Tally& tally) = 0;

  // A number that differs where two runs of an episode differ; absent where runs may differ.
  virtual std::optional<std::uint64_t> trace_of(std::uint64_t /*episode*/) { return std::nullopt; }

  // An episode that breaks a promise is run again with less, to find what matters: the switches of
  // the command line that leave that out. Empty: there is nothing to leave out.
  virtual std::string shrink(std::uint64_t /*episode*/) { return {}; }
  // A switch of the command line that the campaign alone knows; false where it does not.
  virtual bool set(std::string_view /*name*/, std::string_view /*value*/) { return false; }

  // Bugs that it must notice within a test run.
  virtual std::vector<Plant> plants() const { return {}; }
};

// All of them, by name: what `campaigns NAME` runs.
std::vector<std::string> campaign_names();
std::unique_ptr<Campaign> make_campaign(std::string_view name);

std::unique_ptr<Campaign> make_crash_campaign();
std::unique_ptr<Campaign> make_damage_campaign();
std::unique_ptr<Campaign> make_failing_call_campaign();
std::unique_ptr<Campaign> make_crash_state_campaign();
std::unique_ptr<Campaign> make_kill_campaign();
std::unique_ptr<Campaign> make_owner_campaign();
std::unique_ptr<Campaign> make_io_error_campaign();
std::unique_ptr<Campaign> make_power_cut_campaign();
std::unique_ptr<Campaign> make_ordering_campaign();
std::unique_ptr<Campaign> make_server_fault_campaign();
std::unique_ptr<Campaign> make_differential_campaign();
std::unique_ptr<Campaign> make_projection_campaign();
std::unique_ptr<Campaign> make_projection_kill_campaign();

}  // namespace eventstore::test
