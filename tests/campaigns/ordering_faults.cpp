#include "campaigns/ordering_faults.hpp"

#include <array>
#include <utility>

#include "campaigns/violation.hpp"

namespace eventstore::test {
namespace {

using Where = FaultyProxy::Where;

constexpr std::uint64_t kEventsBetween = 5000;
constexpr std::uint64_t kStrikesBetweenRestarts = 20;

}  // namespace

OrderingFaults::OrderingFaults(OwnServer& server, std::uint64_t seed, std::uint64_t events_max)
    : server_(server),
      events_max_(events_max),
      random_(seed),
      proxy_(server.port(), seed),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void OrderingFaults::at(std::uint64_t events) {
  MutexLock lock(mutex_);
  asked_ = events;
  changed_.notify_all();
  changed_.wait(lock, [&]() REQUIRES(mutex_) { return !asked_; });
}

void OrderingFaults::run(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (changed_.wait(lock, stop, [&]() REQUIRES(mutex_) { return asked_.has_value(); })) {
    const auto events = *asked_;
    lock.unlock();
    strike_if_due(events);
    lock.lock();
    asked_.reset();
    changed_.notify_all();
  }
}

void OrderingFaults::strike_if_due(std::uint64_t events) {
  // Subscribers come to the end in peace, and the log is checked.
  if (events + kEventsBetween / 2 >= events_max_ || failure_) return proxy_.calm();
  if (events < next_) return;
  next_ = events + kEventsBetween / 2 + random_.below(kEventsBetween);
  try {
    strike();
  } catch (const Violation& violation) {
    failure_ = violation.what;
  }
}

void OrderingFaults::strike() {
  const auto turn = strikes_++ % kStrikesBetweenRestarts;
  if (turn == 1) return restart();
  if (turn == 2) {
    ++cuts_of_all_;
    return proxy_.tcp().cut_all();
  }
  constexpr std::array kPlaces = {Where::AnyMessage, Where::CommitSent, Where::CommitAnswer};
  proxy_.cut(kPlaces.at(turn % kPlaces.size()), 5);
}

void OrderingFaults::restart() {
  server_.crash();
  server_.start();
  ++restarts_;
}

void OrderingFaults::finish(Tally& tally) {
  if (failure_) throw Violation{*failure_};
  const auto cuts = proxy_.cuts();
  const auto answers_lost = proxy_.answers_lost();
  for (const auto& [name, count] :
       {std::pair("connections cut", cuts), std::pair("answers to a commit lost", answers_lost),
        std::pair("times that all connections were cut", cuts_of_all_),
        std::pair("servers crashed", restarts_)}) {
    if (count == 0) throw Violation{"too few events: no " + std::string(name)};
    tally.add(name, count);
  }
}

}  // namespace eventstore::test
