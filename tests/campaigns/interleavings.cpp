#include "campaigns/interleavings.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>

#include "campaigns/postgres_servers.hpp"
#include "campaigns/violation.hpp"

namespace eventstore::test {
namespace {

// Whether a session of that name waits for a lock.
constexpr const char* kBlocked =
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1::text"
    " AND cardinality(pg_blocking_pids(pid)) > 0";

// An append in a thread of its own.
class Appending {
 public:
  Appending(InterleavedWriters& writers, std::size_t writer)
      : thread_([this, &writers, writer] {
          try {
            writers.append(writer);
          } catch (const Violation& violation) {
            failure_ = violation.what;
          } catch (const std::exception& error) {
            failure_ = error.what();
          }
          finished_ = true;
        }) {}

  bool is_finished() const { return finished_; }
  void join() {
    thread_.join();
    if (failure_) throw Violation{"an append fails: " + *failure_};
  }

 private:
  std::atomic<bool> finished_ = false;
  std::optional<std::string> failure_;
  std::jthread thread_;
};

}  // namespace

Interleavings::Interleavings(int server_port)
    : server_port_(server_port),
      watching_(connect_to("postgresql://eventstore@127.0.0.1:" + std::to_string(server_port) +
                           "/postgres")),
      name_(random_name("interleaved_")) {
  for (auto& gate : gates_) gate = std::make_unique<StepGate>(server_port_);
}

std::string Interleavings::uri(std::size_t writer) const {
  return "postgresql://eventstore@127.0.0.1:" + std::to_string(gates_.at(writer)->port()) +
         "/postgres?application_name=" + name_ + std::to_string(writer);
}

void Interleavings::learn(InterleavedWriters& writers) {
  // The first ones may do more than those that follow.
  for (std::size_t writer = 0; writer < kWriters; ++writer) writers.append(writer);
  gates_[0]->record();
  writers.append(0);
  phase_ends_ = phases_of(gates_[0]->recorded());
  std::vector<std::size_t> turns(phase_ends_.size() + 1, 0);
  turns.resize(2 * turns.size(), 1);
  do {
    for (const auto end :
         {StepGate::End::Commit, StepGate::End::Rollback, StepGate::End::AnswerLost}) {
      orders_.push_back({.turns = turns, .end = end});
    }
  } while (std::ranges::next_permutation(turns).found);
}

void Interleavings::run(std::size_t order, InterleavedWriters& writers) {
  const auto& [turns, end] = orders_.at(order);
  gates_[0]->arm(phase_ends_, end);
  gates_[1]->arm(phase_ends_, StepGate::End::Commit);
  Appending first(writers, 0);
  Appending second(writers, 1);
  const std::array appends = {&first, &second};
  try {
    for (const auto turn : turns) {
      gates_.at(turn)->allow_a_phase();
      const auto deadline = soon();
      const auto is_settled = [&](std::size_t writer) {
        return appends.at(writer)->is_finished() || gates_.at(writer)->has_done_allowed() ||
               is_blocked(writer);
      };
      // What the one does may let the other go on.
      while (!is_settled(turn) || !is_settled(1 - turn)) {
        if (std::chrono::steady_clock::now() >= deadline) {
          throw Violation{"order " + std::to_string(order) + " does not go on"};
        }
      }
      writers.look();
    }
  } catch (...) {
    for (auto& gate : gates_) gate->disarm();
    throw;
  }
  for (auto* append : appends) append->join();
  for (auto& gate : gates_) gate->disarm();
  writers.look();
}

bool Interleavings::is_blocked(std::size_t writer) {
  const auto rows = watching_->run(
      {.sql = kBlocked, .parameters = postgres::Parameters().text(name_ + std::to_string(writer))},
      soon());
  if (!rows) throw Violation{"the server cannot be watched: " + rows.error().message};
  return rows->int8(0, 0) > 0;
}

}  // namespace eventstore::test
