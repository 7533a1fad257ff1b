#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include <rapidcheck.h>

#include "eventstore/append.hpp"
#include "eventstore/read.hpp"
#include "support/model.hpp"

// What a property does to a store, as small numbers that shrink well. They become requests only
// when they are carried out, because what is interesting depends on what is there by then: a
// version one off, an id that is taken, a position just behind the head.
namespace eventstore::test {

struct EventPlan {
  int stream = 0;
  int type = 0;
  int tags = 0;  // a bit for each
  int id = 0;    // 0: none; others may come again
  int data_bytes = 0;
  bool binary = false;
};

struct CheckPlan {
  int stream = 0;
  int kind = 0;  // 0 any, 1 no_stream, 2 stream_exists, 3 exactly
  int off = 0;   // of exactly: so much more than the version it has
};

struct QueryPlan {
  int types = 0;  // a bit for each
  int tags = 0;
  bool two_items = false;
  bool all = false;
};

struct AppendPlan {
  std::vector<EventPlan> events;
  std::vector<CheckPlan> checks;
  std::optional<QueryPlan> condition;
  int after = 0;  // so many positions before the head; -1 lies beyond it
};

// An earlier request, sent again; its checks and its condition may be others.
struct RetryPlan {
  int which = 0;
  bool other_checks = false;
  int events_left_out = 0;  // at its end
};

struct ReadPlan {
  int selector = 0;
  QueryPlan query;
  bool backwards = false;
  std::optional<int> from;  // so many percent of the head
  std::optional<int> to;
  std::optional<int> limit;
  int types = 0;
  int prefix = 0;
  bool include_system = false;
  bool copy = false;
};

// One of the ways to delete, or other metadata.
struct DeletionPlan {
  int way = 0;  // 0 truncate, 1 retain, 2 delete, 3 tombstone, 4 metadata of users
  CheckPlan check;
  int amount = 0;  // to truncate: so many versions before the next; to retain: so many events
  bool with_age = false;
};

// Appends that are sent without waiting for each other, in one chain.
struct ChainPlan {
  std::vector<AppendPlan> appends;
  bool first_again = false;          // at its end
  bool ends_at_repetitions = false;  // the chain does
};

struct ScavengePlan {};

// Time goes on, and then something is appended. Nothing where time is not the test's.
struct TimePlan {
  int days = 0;
  EventPlan event;
};

struct ReopenPlan {
  int segment_size = 0;  // 0: the smallest
};

using Plan = std::variant<AppendPlan, RetryPlan, ReadPlan, DeletionPlan, ChainPlan, ScavengePlan,
                          TimePlan, ReopenPlan>;

rc::Gen<Plan> any_plan();

// For rapidcheck's report of a failure.
std::ostream& operator<<(std::ostream& out, const Plan& plan);

AppendRequest request_of(const AppendPlan& plan, const Model& model);
ReadRequest request_of(const ReadPlan& plan, const Model& model);

std::string stream_of(const CheckPlan& plan);
ExpectedVersion expected_of(const CheckPlan& plan, const Model& model);

}  // namespace eventstore::test
