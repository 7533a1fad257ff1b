#include "campaigns/campaign.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace eventstore::test {
namespace {

using Maker = std::unique_ptr<Campaign> (*)();

constexpr std::array kCampaigns = {
    std::pair<std::string_view, Maker>{"crash", make_crash_campaign},
    std::pair<std::string_view, Maker>{"damage", make_damage_campaign},
    std::pair<std::string_view, Maker>{"failing-calls", make_failing_call_campaign},
    std::pair<std::string_view, Maker>{"crash-states", make_crash_state_campaign},
    std::pair<std::string_view, Maker>{"kills", make_kill_campaign},
    std::pair<std::string_view, Maker>{"owners", make_owner_campaign},
    std::pair<std::string_view, Maker>{"io-errors", make_io_error_campaign},
    std::pair<std::string_view, Maker>{"power-cuts", make_power_cut_campaign},
    std::pair<std::string_view, Maker>{"ordering", make_ordering_campaign},
    std::pair<std::string_view, Maker>{"server-faults", make_server_fault_campaign},
    std::pair<std::string_view, Maker>{"differential", make_differential_campaign},
    std::pair<std::string_view, Maker>{"projections", make_projection_campaign},
    std::pair<std::string_view, Maker>{"projection-kills", make_projection_kill_campaign},
};

}  // namespace

std::vector<std::string> campaign_names() {
  std::vector<std::string> names;
  for (const auto& [name, maker] : kCampaigns) names.emplace_back(name);
  return names;
}

std::unique_ptr<Campaign> make_campaign(std::string_view name) {
  for (const auto& [known, maker] : kCampaigns) {
    if (known == name) return maker();
  }
  return nullptr;
}

}  // namespace eventstore::test
