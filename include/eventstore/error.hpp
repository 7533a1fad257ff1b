#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "eventstore/position.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore {

// What went wrong, to branch on. The names are part of the contract: engines agree on them.
enum class ErrorCode : std::uint8_t {
  InvalidArgument,        // the request is malformed; nothing was done
  LimitExceeded,          // the request is past a limit of limits.hpp; details: LimitDetails
  WrongExpectedVersion,   // details: VersionConflict
  AppendConditionFailed,  // details: ConditionConflict
  EventIdConflict,        // some, not all, of the ids are there, or in another order; IdConflict
  StreamDeleted,          // the stream was tombstoned: it takes no events; DeletedStream
  NotFound,               // no such file, store or object (an absent stream is not an error)
  NotAStore,              // the folder or file exists but holds no event store
  UnsupportedFormat,      // of a newer version of this library, or an older one and not migrated
  StoreLocked,            // another writer has the store open
  ReadOnly,               // opened read-only, or read-only after a failure until reopened
  Corruption,             // stored bytes fail their checks; details: DamageDetails
  NoSpace,                // disk, quota or file-size limit; nothing was written; goes on with room
  OutOfResources,         // no descriptor or no memory was left; nothing was written; goes on later
  Io,                     // the operating system refused; the message has the call and errno
  OutcomeUnknown,         // an append may or may not be there: append again with the same ids
  Overloaded,             // the queue is full, or others are in the way; nothing was appended
  DeadlineExceeded,       // the deadline passed first; nothing was appended
  Cancelled,              // the caller asked to stop; nothing was appended
  Closed,                 // the store is being closed
  Unsupported,            // this engine (EventStore::capabilities()) or its server cannot do it
  Unavailable,            // the server cannot be reached for now; nothing was appended
  Archived,               // the events are of a month that was detached; attach it to read them
};

// The stable snake_case name of a code, as in JSON output: "wrong_expected_version".
std::string_view to_string(ErrorCode code);

// An append lost a race: `stream` is not at the version it was expected at.
struct VersionConflict {
  std::string stream;
  std::string expected;  // "no_stream", "stream_exists" or a number
  StreamVersion actual;  // 0: there is no such stream; the last version also where it is deleted
};

// An append condition found an event: the first one after the condition's position that matches.
struct ConditionConflict {
  GlobalPosition position;
};

// One of the ids that an append shares with what is stored, without being a repetition of it.
struct IdConflict {
  std::string stream;
  Uuid id;
  GlobalPosition position;  // where that id is
};

// A stream that was deleted for ever.
struct DeletedStream {
  std::string stream;
};

struct LimitDetails {
  std::string limit;  // its name in limits.hpp, without the k: "event_bytes_max"
  std::uint64_t actual = 0;
  std::uint64_t allowed = 0;
};

// Where stored bytes fail their checks. Positions are an inclusive range; 0 where unknown.
struct DamageDetails {
  std::string file;
  std::uint64_t offset = 0;  // bytes from the start of the file
  GlobalPosition first_position = {};
  GlobalPosition last_position = {};
};

using ErrorDetails = std::variant<std::monostate, VersionConflict, ConditionConflict, IdConflict,
                                  DeletedStream, LimitDetails, DamageDetails>;

// A failure as a value: a code to branch on, a sentence a user can act on, and typed details.
struct Error {
  ErrorCode code = ErrorCode::Io;
  std::string message;
  ErrorDetails details = {};

  // True where the same call may succeed later without change: Overloaded, StoreLocked, NoSpace,
  // OutOfResources, Unavailable, DeadlineExceeded, and OutcomeUnknown (appending with the same ids
  // is then safe).
  bool is_retryable() const;
};

}  // namespace eventstore
