#pragma once

#include <string_view>

#include "eventstore/append.hpp"
#include "eventstore/error.hpp"
#include "eventstore/query.hpp"

namespace eventstore {

// Why an append was not accepted: the errors of the contract, so that all engines say the same.

// One of the ids of an append is stored, at `position`, but the append as a whole is not.
Error id_conflict(std::string_view stream, const Uuid& id, GlobalPosition position);

// `actual`: the version of the stream's last event, also where all of it is deleted.
Error version_conflict(const StreamCheck& check, StreamVersion actual, bool is_deleted);

// The condition is about events after a position that the store has not reached.
Error condition_beyond_head(const AppendCondition& condition, GlobalPosition head);

// `match`: the first event after the condition's position that its query matches.
Error condition_failed(const AppendCondition& condition, GlobalPosition match);

// The stream was tombstoned.
Error stream_deleted(std::string_view stream);

}  // namespace eventstore
