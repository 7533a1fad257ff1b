// The same on PostgreSQL: appends to a store there, and runs a built-in projection of it, a table
// in the same schema.
//   on_postgres URL
#include <chrono>
#include <iostream>

#include "eventstore/builtin_projections.hpp"
#include "eventstore/postgres.hpp"
#include "eventstore/projections.hpp"

using namespace eventstore;

int fail(const Error& error) {
  std::cerr << error.message << '\n';
  return 1;
}

int main(int count, char** arguments) {
  if (count != 2) return std::cerr << "usage: on_postgres URL\n", 2;
  register_postgres_engine();  // open() and open_state() know postgresql: from then on
  auto store = open(arguments[1]);
  if (!store) return fail(store.error());
  auto appended = (*store)->append({.events = {{.stream = "permit-1", .type = "PermitRequested"}}});
  if (!appended) return fail(appended.error());
  auto state = open_state(arguments[1]);
  if (!state) return fail(state.error());

  Subscriptions subscriptions(**store);
  Projections projections(subscriptions, **state);
  auto counts = make_builtin_projection("event-type-count");
  auto running = projections.run(*counts);
  if (!running) return fail(running.error());
  const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  auto reached = (*running)->wait_for(appended->last_position, soon);
  if (!reached) return fail(reached.error());
  auto document = projections.document("event-type-count", "PermitRequested");
  if (!document) return fail(document.error());
  std::cout << document->value_or("none") << '\n';
  return 0;
}
