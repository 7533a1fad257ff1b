// A catch-up subscription with a stored checkpoint: prints each permit's events once, what is
// stored and then what is appended. Run it again: it goes on where it was.
//   permit_log [URL]
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>

#include "eventstore/open.hpp"
#include "eventstore/subscription.hpp"

using namespace eventstore;

class PermitLog : public SubscriptionHandler {
 public:
  // Called again for the same event after a crash: at least once.
  Result<void> handle(const EventView& event) override {
    std::cout << event.position.value << ' ' << event.stream << ' ' << event.type << '\n';
    return {};
  }
  Result<void> reached(GlobalPosition position) override {
    const std::lock_guard lock(mutex_);
    reached_ = position;
    changed_.notify_all();
    return {};
  }
  void caught_up() override { std::cout << "caught up\n"; }

  bool wait_for(GlobalPosition position, Deadline deadline) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, deadline, [&] { return reached_ >= position; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  GlobalPosition reached_;
};

int fail(const Error& error) {
  std::cerr << error.message << '\n';
  return 1;
}

int main(int count, char** arguments) {
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(30); };
  const std::string url = count > 1 ? arguments[1] : "file:permit-log";
  auto store = open(url);
  if (!store) return fail(store.error());
  auto state = open_state(url);
  if (!state) return fail(state.error());

  Subscriptions subscriptions(**store);
  PermitLog log;
  auto running = subscriptions.run(
      {.filter = {.selector = SelectCategory{"permit"}}, .start = FromStart{}}, log,
      {.checkpoint = DurableCheckpoint{.state = state->get(), .name = "permit-log"}});
  if (!running) return fail(running.error());

  auto appended = (*store)->append({.events = {{.stream = "permit-3", .type = "PermitRequested"}}});
  if (!appended) return fail(appended.error());
  if (!log.wait_for(appended->last_position, soon())) return fail({.message = "nothing came"});
  // Stores the checkpoint. A failure of the handler is told here.
  auto stopped = (*running)->stop(soon());
  return stopped ? 0 : fail(stopped.error());
}
