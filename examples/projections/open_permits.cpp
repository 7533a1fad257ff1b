// A projection of one's own: which permits are open, and how many of them wait for what.
//
// Keeps a document for each permit, and a table that anybody can query. Run it as often as you
// like: it goes on where it was.
#include <chrono>
#include <iostream>
#include <string>

#include "eventstore/json_document.hpp"
#include "eventstore/open.hpp"
#include "eventstore/projections.hpp"

using namespace eventstore;

struct Permit {
  std::string last_step;
  int steps = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Permit, last_step, steps)

template <>
struct eventstore::DocumentCodec<Permit> : eventstore::JsonDocumentCodec<Permit> {};

class OpenPermits : public Projection {
 public:
  std::string_view name() const override { return "open-permits"; }
  SubscriptionFilter filter() const override { return {.selector = SelectCategory{"permit"}}; }
  std::vector<ProjectionTable> tables() const override {
    return {{.name = "permit_steps", .columns = "permit TEXT PRIMARY KEY, step TEXT NOT NULL"}};
  }

  Result<void> apply(ProjectionContext& context, const EventView& event) override {
    if (event.type == "PermitGranted") return close(context, event);
    auto permit = context.edit<Permit>(event.stream);
    if (!permit) return std::unexpected(permit.error());
    (*permit)->last_step = event.type;
    ++(*permit)->steps;
    auto written = context.run(
        "INSERT INTO {permit_steps} (permit, step) VALUES ($1, $2)"
        " ON CONFLICT (permit) DO UPDATE SET step = excluded.step",
        {event.stream, event.type});
    if (!written) return std::unexpected(written.error());
    return {};
  }

 private:
  static Result<void> close(ProjectionContext& context, const EventView& event) {
    if (auto erased = context.erase(event.stream); !erased) return erased;
    auto removed = context.run("DELETE FROM {permit_steps} WHERE permit = $1", {event.stream});
    if (!removed) return std::unexpected(removed.error());
    return {};
  }
};

int fail(const Error& error) {
  std::cerr << error.message << '\n';
  return 1;
}

int main() {
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(30); };
  const std::string url = "file:permits";
  auto store = open(url);
  if (!store) return fail(store.error());
  auto appended = (*store)->append({.events = {{.stream = "permit-1", .type = "PermitRequested"},
                                               {.stream = "permit-2", .type = "PermitRequested"},
                                               {.stream = "permit-2", .type = "AdviceAsked"},
                                               {.stream = "permit-1", .type = "PermitGranted"}}});
  if (!appended) return fail(appended.error());

  auto state = open_state(url);
  if (!state) return fail(state.error());
  Subscriptions subscriptions(**store);
  Projections projections(subscriptions, **state);
  OpenPermits open_permits;
  auto running = projections.run(open_permits);
  if (!running) return fail(running.error());
  // Read your writes: wait until what was appended has had its effects.
  auto reached = (*running)->wait_for(appended->last_position, soon());
  if (!reached) return fail(reached.error());

  auto permit = projections.document<Permit>("open-permits", "permit-2");
  if (!permit) return fail(permit.error());
  std::cout << "permit-2: " << (*permit ? (*permit)->last_step : "closed") << '\n';
  auto reading = (*state)->begin_read(soon());
  if (!reading) return fail(reading.error());
  auto rows = (*reading)->run("SELECT step, count(*) FROM permit_steps GROUP BY step");
  if (!rows) return fail(rows.error());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    std::cout << rows->text(row, 0) << ": " << rows->integer(row, 1) << '\n';
  }
  return rows->size() == 1 ? 0 : 1;
}
