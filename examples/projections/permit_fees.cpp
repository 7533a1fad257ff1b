// A projection at work: beside a writer, with an event that cannot be applied, with a second
// instance that takes over, with letters that go out once, and rebuilt for a new version.
//
// Everything is in memory, and begins anew each time.
#include <chrono>
#include <iostream>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "eventstore/json_document.hpp"
#include "eventstore/open.hpp"
#include "eventstore/projections.hpp"

using namespace eventstore;
using std::chrono::milliseconds;

struct Account {
  int cents = 0;
  int bills = 0;  // since version 2
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, cents, bills)

template <>
struct eventstore::DocumentCodec<Account> : eventstore::JsonDocumentCodec<Account> {};

// Sends a letter for an event once, however often it is asked to.
class Postbox {
 public:
  void send(GlobalPosition position) {
    const std::lock_guard lock(mutex_);
    sent_.insert(position.value);
  }
  std::size_t letters() const { return sent_.size(); }

 private:
  std::mutex mutex_;
  std::set<std::uint64_t> sent_;
};

class PermitFees : public Projection {
 public:
  // A real one has one version at a time.
  PermitFees(std::uint32_t version, Postbox& postbox) : version_(version), postbox_(postbox) {}

  std::string_view name() const override { return "permit-fees"; }
  std::uint32_t version() const override { return version_; }
  SubscriptionFilter filter() const override { return {.types = {"FeeCharged"}}; }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    // Where that throws, the event has failed.
    const int cents = nlohmann::json::parse(event.data).at("cents").get<int>();
    auto account = context.edit<Account>(event.stream);
    if (!account) return std::unexpected(account.error());
    (*account)->cents += cents;
    if (version_ >= 2) ++(*account)->bills;
    if (context.has_side_effects()) postbox_.send(event.position);
    return {};
  }

 private:
  const std::uint32_t version_;
  Postbox& postbox_;
};

int fail(const Error& error) {
  std::cerr << error.message << '\n';
  return 1;
}

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

Result<AppendResult> charge(EventStore& store, const std::string& permit, const char* data) {
  return store.append({.events = {{.stream = permit, .type = "FeeCharged", .data = data}}});
}

// A new version does not go on with what the old one has made.
Result<void> upgrade(Projections& projections, Postbox& postbox) {
  PermitFees fees(2, postbox);
  auto refused = projections.run(fees);
  if (!refused) return std::unexpected(refused.error());
  if (auto end = (*refused)->wait(soon()); !end) std::cout << end.error().message << '\n';
  return projections.rebuild(fees, {.run = {.attempts_max = 1, .on_failure = FailurePolicy::Park}});
}

int main() {
  auto store = open("memory:");
  if (!store) return fail(store.error());
  auto state = open_state("memory:");
  if (!state) return fail(state.error());
  Subscriptions subscriptions(**store);
  Projections projections(subscriptions, **state);
  Postbox postbox;

  PermitFees fees(1, postbox);
  ProjectionOptions options{.workers = 2, .attempts_max = 2, .pause_min = milliseconds(10)};
  options.on_failure = FailurePolicy::Park;
  options.owner = "first";
  auto first = projections.run(fees, options);
  if (!first) return fail(first.error());

  std::jthread writer([&] {
    for (int n = 0; n < 300; ++n) {
      const auto* data = n == 150 ? R"({"cents":"twelve"})" : R"({"cents":1200})";
      if (!charge(**store, "permit-" + std::to_string(n % 100), data)) return;
    }
  });
  writer.join();
  auto head = (*store)->head();
  if (!head) return fail(head.error());
  if (auto done = (*first)->wait_for(*head, soon()); !done) return fail(done.error());
  auto failures = projections.failures("permit-fees", 10);
  if (!failures) return fail(failures.error());
  for (const auto& failure : *failures) {
    std::cout << failure.stream << ' ' << to_string(failure.state) << ": " << failure.error << '\n';
  }

  // Another instance, as another process would have it, waits until the first has ended.
  options.owner = "second";
  auto second = projections.run(fees, options);
  if (!second) return fail(second.error());
  if (auto stopped = (*first)->stop(soon()); !stopped) return fail(stopped.error());
  auto charged = charge(**store, "permit-7", R"({"cents":500})");
  if (!charged) return fail(charged.error());
  // Whoever works on it.
  auto reached = projections.wait_for("permit-fees", charged->last_position, soon());
  if (!reached) return fail(reached.error());
  if (auto stopped = (*second)->stop(soon()); !stopped) return fail(stopped.error());
  std::cout << postbox.letters() << " letters\n";

  if (auto upgraded = upgrade(projections, postbox); !upgraded) return fail(upgraded.error());
  auto document = projections.document("permit-fees", "permit-7");
  if (!document) return fail(document.error());
  std::cout << document->value_or("none") << '\n';
  std::cout << postbox.letters() << " letters\n";
  return postbox.letters() == 300 ? 0 : 1;
}
