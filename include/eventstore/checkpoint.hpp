#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/position.hpp"
#include "eventstore/state.hpp"

namespace eventstore {

// How far a reader of the log has come: it has dealt with every event up to `position`.
struct Checkpoint {
  std::string name;
  GlobalPosition position;  // 0: with none
  Timestamp stored_at;      // by the state database's clock
};

enum class CheckpointOutcome : std::uint8_t {
  Stored,
  AlreadyThere,  // it was at the new position before: the same was stored already
  Behind,        // it is beyond the new position: somebody else has gone on
  Mismatch,      // it is at none of the two: whoever asks does not know where it is
};

// Moves the checkpoint `name` from `expected` (0: there is none yet) to `next`, in the transaction
// that also stores what became of the events in between. Commit only what is Stored: where two do
// the same work, that is one of them. `name` is 1 to 512 bytes.
//
// Fails with InvalidArgument where `next` is before `expected`; as validate_checkpoint_name(), and
// as StateTransaction::run().
Result<CheckpointOutcome> store_checkpoint(StateTransaction& transaction, std::string_view name,
                                           GlobalPosition expected, GlobalPosition next);

// Absent: there is none. Fails as StateTransaction::run().
Result<std::optional<Checkpoint>> load_checkpoint(StateTransaction& transaction,
                                                  std::string_view name);

// Those whose names begin so, by name.
Result<std::vector<Checkpoint>> list_checkpoints(StateTransaction& transaction,
                                                 std::string_view prefix);

// Takes it away, so that its reader begins anew. False: there was none.
Result<bool> remove_checkpoint(StateTransaction& transaction, std::string_view name);

}  // namespace eventstore
