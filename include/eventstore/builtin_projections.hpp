#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/projection.hpp"

namespace eventstore {

// Projections that any store can have. Their documents are JSON objects.
//
//   event-type-count   by type: {"count": 17}
//   stream-activity    by stream: {"count": 3, "first_at": "...", "last_at": "...",
//                      "events_per_day": 0.4}: recorded_at of the first and the last
//                      event in RFC 3339, and how many came in a day between them (0 with one)
std::vector<std::string> builtin_projection_names();

// Null: there is none of that name.
std::unique_ptr<Projection> make_builtin_projection(std::string_view name);

}  // namespace eventstore
