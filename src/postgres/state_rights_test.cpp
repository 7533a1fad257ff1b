#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "eventstore/builtin_projections.hpp"
#include "eventstore/checkpoint.hpp"
#include "eventstore/open.hpp"
#include "eventstore/projections.hpp"
#include "postgres/months_test_support.hpp"

// What roles may do with the state database of a store in PostgreSQL, as docs/postgresql.md says.
namespace eventstore::postgres {
namespace {

using test::code_of;
using test::value_of;

class RightsOnTheState : public MonthsTest {
 protected:
  // As the owner of all.
  void run_projection() {
    append("s");
    const auto state = value_of(open_state(url_));
    Subscriptions subscriptions(store());
    Projections projections(subscriptions, *state);
    value_of(value_of(projections.run(*counts_, {.once = true}))->wait(until()));
  }
  void rebuild_projection() {
    const auto state = value_of(open_state(url_));
    Subscriptions subscriptions(store());
    value_of(Projections(subscriptions, *state).rebuild(*counts_));
  }

  std::unique_ptr<Projection> counts_ = make_builtin_projection("event-type-count");
};

TEST_F(RightsOnTheState, LetWhoMakesNoTablesStoreCheckpoints) {
  run_projection();
  const auto url = url_of_role("SELECT, INSERT, UPDATE, DELETE");
  {
    const auto state = value_of(open_state(url));
    const auto transaction = value_of(state->begin(until()));
    EXPECT_EQ(value_of(store_checkpoint(*transaction, "reader", {}, {1})),
              CheckpointOutcome::Stored);
    value_of(transaction->commit());
  }
  // Those of an earlier version are for a role that may change them.
  execute("DELETE FROM {s}.state_migrations WHERE number = 4");
  EXPECT_FALSE(open_state(url));
}

TEST_F(RightsOnTheState, OnAViewAreKeptOverARebuild) {
  run_projection();
  make_role();
  execute("GRANT USAGE ON SCHEMA {s} TO " + role() +
          "; GRANT SELECT ON {s}.events, {s}.tags, {s}.projection_event_type_count TO " + role());
  // All but the tables of the projection itself.
  const auto state_tables = query(
      "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
      " WHERE schemaname = '" +
      schema_ + "' AND tablename NOT LIKE 'projection%'");
  execute("GRANT SELECT ON " + state_tables.at(0) + " TO " + role());
  const auto url = as_role(url_);
  const auto read = [&] {
    const auto store = value_of(open(url, {.read_only = true}));
    const auto state = value_of(open_state(url, {.read_only = true}));
    Subscriptions subscriptions(*store);
    return value_of(Projections(subscriptions, *state).document("event-type-count", "Happened"));
  };
  EXPECT_EQ(read(), R"({"count":1})");
  rebuild_projection();
  EXPECT_EQ(read(), R"({"count":1})");
}

}  // namespace
}  // namespace eventstore::postgres
