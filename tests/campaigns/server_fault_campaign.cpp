#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "campaigns/campaign.hpp"
#include "campaigns/faulted_store.hpp"
#include "campaigns/postgres_servers.hpp"
#include "campaigns/violation.hpp"
#include "core/seeded_random.hpp"
#include "support/own_server.hpp"

namespace eventstore::test {
namespace {

using Where = FaultyProxy::Where;

// Faults of the connection and of the server, under a store that is never opened again.
class ServerFaultCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 150; }

  std::vector<Floor> floors() const override {
    return {{"episodes of lost commit answers", 50},
            {"answers to a commit lost", 150},
            {"connections cut", 250},
            {"sessions ended", 30},
            {"server processes killed", 15},
            {"servers crashed", 10},
            {"appends acknowledged", 3000}};
  }

  std::optional<std::string> obstacle() override { return postgres_obstacle(); }

  std::vector<Plant> plants() const override {
    return {Plant::LostAnswerIsFailure, Plant::RetryWithOtherIds};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    if (server_ == nullptr) server_ = std::make_unique<OwnServer>();
    server_->start();
    using Kind = void (ServerFaultCampaign::*)(FaultedStore&, std::uint64_t, Tally&);
    // A third of them loses answers to commits.
    constexpr std::array<Kind, 12> kKinds = {
        &ServerFaultCampaign::lose_commit_answers, &ServerFaultCampaign::cut_anywhere,
        &ServerFaultCampaign::end_sessions,        &ServerFaultCampaign::lose_commit_answers,
        &ServerFaultCampaign::kill_processes,      &ServerFaultCampaign::crash_server,
        &ServerFaultCampaign::lose_commit_answers, &ServerFaultCampaign::hold_the_lock,
        &ServerFaultCampaign::use_up_connections,  &ServerFaultCampaign::lose_commit_answers,
        &ServerFaultCampaign::end_idle_sessions,   &ServerFaultCampaign::refuse_connections};
    const auto kind = kKinds.at(episode % kKinds.size());
    // In part through a pooler: where what happens is of the connection.
    const bool is_of_connection = episode % 3 == 0 || episode % kKinds.size() == 1;
    const bool is_pooled = is_of_connection && episode % 4 == 1 && OwnPooler::is_there();
    if (is_pooled && pooler_ == nullptr) pooler_ = std::make_unique<OwnPooler>(*server_);
    const bool has_timeout = kind == &ServerFaultCampaign::hold_the_lock;
    FaultedStore store(*server_, is_pooled ? pooler_->port() : server_->port(), episode,
                       {.is_pooled = is_pooled,
                        .timeout = !has_timeout        ? ""
                                   : episode % 24 < 12 ? "lock_timeout"
                                                       : "statement_timeout"});
    (this->*kind)(store, episode, tally);
    store.check();
    tally.add("connections cut", store.proxy().cuts());
    tally.add("answers to a commit lost", store.proxy().answers_lost());
    store.count(tally);
    if (is_pooled) tally.add("episodes through a pooler");
  }

 private:
  void lose_commit_answers(FaultedStore& store, std::uint64_t episode, Tally& tally) {
    tally.add("episodes of lost commit answers");
    store.proxy().cut(episode % 2 == 0 ? Where::CommitSent : Where::CommitAnswer, 5);
    store.append_in_threads([] {});
  }

  void cut_anywhere(FaultedStore& store, std::uint64_t /*episode*/, Tally& /*tally*/) {
    store.proxy().cut(Where::AnyMessage, 12);
    store.append_in_threads([] {});
  }

  // Lets `strike(process)` happen at some messages, which wait for it.
  template <typename Strike>
  void strike_at_messages(FaultedStore& store, std::uint64_t episode, int times,
                          const Strike& strike) {
    SeededRandom random(episode);
    store.append_in_threads([&] {
      for (int time = 0; time < times; ++time) {
        store.proxy().hold_at(1 + random.below(60));
        const auto process = store.proxy().wait_for_held([&] { return store.is_done(); });
        if (!process) return;
        strike(*process);
        store.proxy().release();
      }
    });
  }

  void end_sessions(FaultedStore& store, std::uint64_t episode, Tally& tally) {
    strike_at_messages(store, episode, 4, [&](int process) {
      const auto connection = connect_to(OwnServer::uri(server_->port()));
      const auto sql = "SELECT pg_terminate_backend(" + std::to_string(process) + ")";
      if (connection->run({.sql = sql}, soon())) tally.add("sessions ended");
    });
  }

  // The server takes all sessions down with it, and recovers.
  void kill_processes(FaultedStore& store, std::uint64_t episode, Tally& tally) {
    strike_at_messages(store, episode, 2, [&](int process) {
      if (::kill(static_cast<pid_t>(process), SIGKILL) == 0) tally.add("server processes killed");
    });
  }

  void crash_server(FaultedStore& store, std::uint64_t episode, Tally& tally) {
    strike_at_messages(store, episode, 1, [&](int /*process*/) {
      server_->crash();
      store.proxy().release();
      // The store has noticed, and tries in vain.
      if (episode % 2 == 0) store.wait_for_connections(3);
      server_->start();
      tally.add("servers crashed");
    });
  }

  // Another session has the lock for longer than the store's sessions wait.
  void hold_the_lock(FaultedStore& store, std::uint64_t /*episode*/, Tally& tally) {
    auto holder = store.take_lock();
    store.append_in_threads([&] {
      store.wait_for_failures(3);
      holder.reset();
      tally.add("waits for the lock given up", store.failures());
    });
  }

  void use_up_connections(FaultedStore& store, std::uint64_t /*episode*/, Tally& tally) {
    store.append_in_threads([&] {
      auto others = store.take_all_connections();
      store.end_sessions(*others.front());
      while (others.size() < 60) {
        auto more = postgres::Connection::open({.uri = OwnServer::uri(server_->port())}, soon());
        if (!more) break;
        others.push_back(*std::move(more));
      }
      store.wait_for_connections(2);
      tally.add("connections taken", others.size());
    });
  }

  void end_idle_sessions(FaultedStore& store, std::uint64_t /*episode*/, Tally& tally) {
    for (int round = 0; round < 3; ++round) {
      store.append_in_threads([] {});
      const auto connection = connect_to(OwnServer::uri(server_->port()));
      tally.add("idle sessions ended", store.end_sessions(*connection));
    }
    if (store.failures() > 0)
      throw Violation{"an append fails for a session that had ended before"};
  }

  void refuse_connections(FaultedStore& store, std::uint64_t /*episode*/, Tally& tally) {
    store.append_in_threads([&] {
      store.proxy().tcp().refuse(true);
      store.proxy().tcp().cut_all();
      store.wait_for_connections(3);
      store.proxy().tcp().refuse(false);
      tally.add("times that connections were refused");
    });
  }

  std::unique_ptr<OwnServer> server_;
  std::unique_ptr<OwnPooler> pooler_;
};

}  // namespace

std::unique_ptr<Campaign> make_server_fault_campaign() {
  return std::make_unique<ServerFaultCampaign>();
}

}  // namespace eventstore::test
