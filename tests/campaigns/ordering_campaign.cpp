#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "campaigns/campaign.hpp"
#include "campaigns/interleaved_writers.hpp"
#include "campaigns/interleavings.hpp"
#include "campaigns/ordering_faults.hpp"
#include "campaigns/postgres_servers.hpp"
#include "campaigns/violation.hpp"
#include "eventstore/postgres_self_test.hpp"
#include "support/own_server.hpp"
#include "support/postgres_server.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

constexpr std::uint64_t kEpisodes = 7;
constexpr std::uint64_t kEventsPerEpisode = 30'000;
// For 16 writers and 8 subscribers, and those that the server has not heard are gone.
constexpr unsigned kConnectionsOfFaulted = 300;
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

  bool set(std::string_view name, std::string_view value) override {
    if (name != "events") return false;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), events_);
    return parsed.ec == std::errc{} && parsed.ptr == value.data() + value.size() && events_ > 0;
  }

  void run(std::uint64_t episode, Tally& tally) override {
    run_orders(episode, tally);
    if (campaign_hooks.plant != Plant::None) return;
    if (events_ == 0) return run_calm(episode, tally);
    run_with_faults(episode, tally);
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

  // On the server of the run, which others use as well: it stays as it is.
  static void run_calm(std::uint64_t episode, Tally& tally) {
    run_self_test(postgres_server().port, postgres_server().port,
                  {.events_max = scaled(kEventsPerEpisode),
                   .time_max = std::chrono::seconds(120),
                   .seed = episode,
                   .in_flight = 64},
                  tally);
  }

  // As many events as were asked for in one go, on a server that crashes and by way of connections
  // that are cut, too.
  void run_with_faults(std::uint64_t episode, Tally& tally) const {
    OwnServer server({.options = {"max_connections=" + std::to_string(kConnectionsOfFaulted)}});
    OrderingFaults faults(server, episode, events_);
    Tally counted;
    run_self_test(faults.port(), server.port(),
                  {.events_max = events_,
                   .time_max = std::chrono::hours(24),
                   .seed = episode,
                   .in_flight = 64,
                   .on_progress = [&](std::uint64_t events) { faults.at(events); }},
                  counted);
    faults.finish(counted);
    for (const auto* name :
         {"sessions ended", "transactions that took the lock and rolled back", "long transactions",
          "long transactions elsewhere", "old snapshots", "appends made again"}) {
      if (counted.of(name) == 0) throw Violation{"too few events: no " + std::string(name)};
    }
    if (counted.of("events") < events_) throw Violation{"it ended before there were as many"};
    for (const auto& [name, count] : counted.counts()) tally.add(name, count);
  }

  // `port`: where the self-test connects to; `server_port`: of the server behind it.
  static void run_self_test(int port, int server_port, PostgresSelfTestOptions options,
                            Tally& tally) {
    const auto other = random_name("other_");
    run_sql(*connect_to(OwnServer::uri(server_port)), "CREATE DATABASE " + other);
    options.other_uri =
        "postgresql://eventstore@127.0.0.1:" + std::to_string(server_port) + "/" + other;
    const auto report = run_postgres_self_test(OwnServer::uri(port), options);
    run_sql(*connect_to(OwnServer::uri(server_port)), "DROP DATABASE " + other + " WITH (FORCE)");
    if (!report) throw Violation{"the self-test fails: " + report.error().message};
    if (!report->findings.empty()) throw Violation{report->findings.front()};
    tally.add("events", report->events);
    for (const auto& [name, count] : report->counts) tally.add(name, count);
  }

  std::uint64_t events_ = 0;  // of an episode with faults of the server; 0: there are none
};

}  // namespace

std::unique_ptr<Campaign> make_ordering_campaign() {
  return std::make_unique<OrderingCampaign>();
}

}  // namespace eventstore::test
