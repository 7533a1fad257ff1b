#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "campaigns/campaign.hpp"
#include "campaigns/interleaved_writers.hpp"
#include "campaigns/interleavings.hpp"
#include "campaigns/postgres_servers.hpp"
#include "eventstore/postgres_self_test.hpp"
#include "support/postgres_server.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

constexpr std::uint64_t kEpisodes = 7;
constexpr std::uint64_t kEventsPerEpisode = 30'000;
// Each way in which the phases of two appends can follow one another, ending in three ways: three
// phases each where the appends are plain, four where they are decided one by one.
constexpr std::uint64_t kOrders = (20 + 70) * Interleavings::kEnds;

// Positions come in the order of commits, whatever goes on at the server.
class OrderingCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return kEpisodes; }

  std::vector<Floor> floors() const override {
    return {{"orders of two appends", kOrders},
            {"events", 200'000},
            {"events read by subscribers", 1'600'000},
            {"sessions ended", 50},
            {"appends made again", 500},
            {"appends refused", 500},
            {"appends that required a version", 500},
            {"appends under a condition", 100},
            {"transactions that took the lock and rolled back", 50},
            {"long transactions", 10},
            {"long transactions elsewhere", 10},
            {"old snapshots", 10}};
  }

  std::optional<std::string> obstacle() override { return postgres_obstacle(); }

  void run(std::uint64_t episode, Tally& tally) override {
    run_orders(episode, tally);
    if (campaign_hooks.plant == Plant::None) run_self_test(episode, tally);
  }

  std::vector<Plant> plants() const override {
    return {Plant::PlainSequence, Plant::PositionBeforeLock};
  }

 private:
  static void run_orders(std::uint64_t episode, Tally& tally) {
    if (campaign_hooks.plant == Plant::None) {
      for (const bool plain : {true, false}) {
        Interleavings interleavings(postgres_server().port);
        run_orders_of(*make_store_writers(interleavings, plain), interleavings, episode, tally);
      }
      return;
    }
    Interleavings interleavings(postgres_server().port);
    run_orders_of(*make_wrong_writers(interleavings, campaign_hooks.plant), interleavings, episode,
                  tally);
  }

  // The orders come by turns, so that a test run has had them all. Where a bug is planted, those
  // that end with two commits: rolled back, a position of a sequence is missed anyway.
  static void run_orders_of(InterleavedWriters& writers, Interleavings& interleavings,
                            std::uint64_t episode, Tally& tally) {
    const bool is_planted = campaign_hooks.plant != Plant::None;
    interleavings.learn(writers);
    writers.look();
    const auto first = is_planted ? 0 : episode % kEpisodes;
    const auto step = is_planted ? Interleavings::kEnds : kEpisodes;
    for (auto order = first; order < interleavings.count(); order += step) {
      interleavings.run(order, writers);
      tally.add("orders of two appends");
    }
  }

  static void run_self_test(std::uint64_t episode, Tally& tally) {
    const auto other = random_name("other_");
    const auto connection = connect_to(postgres_url());
    run_sql(*connection, "CREATE DATABASE " + other);
    const auto report = run_postgres_self_test(
        postgres_url(), {.events_max = scaled(kEventsPerEpisode),
                         .time_max = std::chrono::seconds(120),
                         .seed = episode,
                         .in_flight = 64,
                         .other_uri = "postgresql://eventstore@127.0.0.1:" +
                                      std::to_string(postgres_server().port) + "/" + other});
    run_sql(*connection, "DROP DATABASE " + other + " WITH (FORCE)");
    if (!report) throw Violation{"the self-test fails: " + report.error().message};
    if (!report->findings.empty()) throw Violation{report->findings.front()};
    tally.add("events", report->events);
    for (const auto& [name, count] : report->counts) tally.add(name, count);
  }
};

}  // namespace

std::unique_ptr<Campaign> make_ordering_campaign() {
  return std::make_unique<OrderingCampaign>();
}

}  // namespace eventstore::test
