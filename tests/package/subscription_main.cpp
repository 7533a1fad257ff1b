// A subscription of a user's own, to a store in memory.
#include <chrono>
#include <iostream>

#include "eventstore/open.hpp"
#include "eventstore/subscription.hpp"

int main() {
  using namespace eventstore;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto store = open("memory:");
  if (!store) return std::cerr << store.error().message << '\n', 1;
  const auto appended =
      (*store)->append({.events = {NewEvent{.stream = "order-1", .type = "OrderPlaced"}}});
  if (!appended) return std::cerr << appended.error().message << '\n', 1;
  Subscriptions subscriptions(**store);
  const auto subscription = subscriptions.open({.filter = {.type_pattern = "^Order"}});
  if (!subscription) return std::cerr << subscription.error().message << '\n', 1;
  const auto delivery = (*subscription)->next(deadline);
  return delivery && delivery->events.size() == 1 ? 0 : 1;
}
