// A consumer group with two members, which share the events of permits: acknowledged, tried again,
// parked, and replayed. Everything is in memory, and begins anew each time.
#include <chrono>
#include <iostream>
#include <string>

#include "eventstore/consumer_group.hpp"
#include "eventstore/open.hpp"

using namespace eventstore;

int fail(const Error& error) {
  std::cerr << error.message << '\n';
  return 1;
}

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Deals with what comes until nothing does for a second. How many deliveries it answered.
Result<int> work(GroupMember& member, bool is_mended) {
  for (int done = 0;;) {
    auto delivery = member.next(in(std::chrono::seconds(1)));
    if (!delivery && delivery.error().code == ErrorCode::DeadlineExceeded) return done;
    if (!delivery) return std::unexpected(delivery.error());
    const auto& event = delivery->event;
    Result<bool> answered = false;
    if (event.type == "Unreadable" && !is_mended) {
      // No attempt would help.
      answered = member.nack(delivery->id(), NackAction::Park, "cannot be read");
    } else if (event.type == "AdviceAsked" && delivery->attempt == 1) {
      answered = member.nack(delivery->id(), NackAction::Retry, "the adviser does not answer");
    } else {
      if (delivery->is_replayed) std::cout << event.type << " was replayed\n";
      answered = member.ack(delivery->id());
    }
    if (!answered) return std::unexpected(answered.error());
    if (*answered) ++done;
  }
}

int main() {
  auto store = open("memory:");
  if (!store) return fail(store.error());
  auto state = open_state("memory:");
  if (!state) return fail(state.error());
  Subscriptions subscriptions(**store);
  ConsumerGroups groups(subscriptions, **state);

  ConsumerGroupSettings settings{.filter = {.selector = SelectCategory{"permit"}}};
  settings.attempts_max = 3;
  // False where the group is there already: then it keeps its settings.
  if (auto created = groups.create("advice", settings); !created) return fail(created.error());

  auto appended = (*store)->append({.events = {{.stream = "permit-1", .type = "PermitRequested"},
                                               {.stream = "permit-1", .type = "AdviceAsked"},
                                               {.stream = "permit-2", .type = "PermitRequested"},
                                               {.stream = "permit-2", .type = "Unreadable"},
                                               {.stream = "permit-2", .type = "PermitGranted"}}});
  if (!appended) return fail(appended.error());

  // As two processes would join it.
  auto one = groups.join("advice", "worker-1");
  if (!one) return fail(one.error());
  auto two = groups.join("advice", "worker-2");
  if (!two) return fail(two.error());
  for (auto* member : {one->get(), two->get()}) {
    auto done = work(*member, /*is_mended=*/false);
    if (!done) return fail(done.error());
  }
  auto parked = groups.parked("advice");
  if (!parked) return fail(parked.error());
  for (const auto& event : *parked) {
    std::cout << event.type << " was parked: " << event.last_error << '\n';
  }

  // Once the program can read it.
  if (auto marked = groups.replay_all("advice"); !marked) return fail(marked.error());
  int replayed = 0;
  for (auto* member : {one->get(), two->get()}) {
    auto done = work(*member, /*is_mended=*/true);
    if (!done) return fail(done.error());
    replayed += *done;
    // Stores what was answered, and gives the buckets to the others.
    if (auto left = member->leave(in(std::chrono::seconds(10))); !left) return fail(left.error());
  }
  auto status = groups.status("advice");
  if (!status) return fail(status.error());
  std::cout << "position " << status->position.value << " of " << status->head.value << ", "
            << status->parked << " parked\n";
  return replayed == 1 && status->lag == 0 && status->parked == 0 ? 0 : 1;
}
