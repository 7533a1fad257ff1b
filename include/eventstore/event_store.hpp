#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/append.hpp"
#include "eventstore/deletion.hpp"
#include "eventstore/read.hpp"
#include "eventstore/result.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

struct StreamInfo {
  std::string stream;
  StreamVersion version = {};          // of its last event, also where that is deleted
  StreamVersion first_version = {};    // of the first event that can be read; else the next to come
  std::uint64_t events = 0;            // events that can be read
  GlobalPosition first_position = {};  // of the first event that can be read; else 0
  GlobalPosition last_position = {};   // of its last event, also where that is deleted
  StreamState state = StreamState::Live;
  friend bool operator==(const StreamInfo&, const StreamInfo&) = default;
};

// Which streams to list. They come in byte order of their names.
struct ListStreamsRequest {
  std::string prefix = {};
  std::optional<std::string> category = {};
  std::string after = {};      // only names greater than this one: to go on with a listing
  std::uint64_t limit = 1000;  // at most so many
  bool include_system = false;
  bool include_deleted = false;  // also those whose state is not Live
};

// Where an event id is within its stream.
struct EventLocation {
  GlobalPosition position;
  StreamVersion version;
  friend bool operator==(const EventLocation&, const EventLocation&) = default;
};

// The metadata of a stream: the last event of the stream "$$" + its name. The store's own keys in
// it are the stream's bounds.
struct StreamMetadata {
  StreamVersion version;  // of the metadata itself: 0 where none was ever set
  std::string json;       // an object, without the store's own keys; "{}" where none was ever set
  StreamVersion truncate_before = {};  // smaller versions are gone; 0: never truncated
  Retention retention = {};
};

enum class Durability : std::uint8_t {
  PowerLoss,     // an acknowledged append survives loss of power
  ProcessCrash,  // it survives the end of the process
  None,          // it lives as long as the process
};

struct Capabilities {
  std::string engine;  // "file", "memory", "postgresql", ...
  Durability durability = Durability::PowerLoss;
  bool dense_positions = true;  // positions are 1..N without gaps of the engine's own
  bool zero_copy = false;
  bool many_writing_processes = false;
};

struct StoreStats {
  std::uint64_t events = 0;   // that can be read, the store's own included
  std::uint64_t streams = 0;  // the store's own included
  GlobalPosition head;
  std::uint64_t bytes = 0;     // on disk
  std::uint64_t segments = 0;  // 0 where the engine has none
};

// Streams that have lost events.
struct AffectedStreams {
  static constexpr std::size_t kNamesMax = 1000;
  std::vector<std::string> names = {};  // in byte order; at most so many of them
  std::uint64_t count = 0;              // how many there are
};

// One thing that is wrong with what is stored.
struct Finding {
  std::string message;
  DamageDetails where;
  // Of the positions in `where`. Absent: unknown.
  std::optional<AffectedStreams> streams = {};
};

// What the background check of a store has found.
struct ScrubStatus {
  bool runs = false;                           // in this process
  std::optional<Timestamp> started_at = {};    // the pass under way, or the last one
  std::optional<Timestamp> completed_at = {};  // the last pass that was completed
  std::uint64_t bytes = 0;                     // checked in the pass under way, or in the last one
  std::uint64_t finding_count = 0;             // in the last complete pass, or in the one under way
  std::vector<Finding> findings = {};          // those of this process; at most 100
};

// How a store is, without looking at what it holds.
struct Health {
  Uuid store_id;    // made with the store; copies have it too
  Uuid lineage_id;  // a new one begins when a store is restored: see docs/formats/store.md
  // Why the store takes no more appends until it is opened again; nor reads, where its server has
  // lost events. Absent: it takes them, or was opened read-only.
  std::optional<Error> failure = {};
  ScrubStatus scrub = {};
};

struct VerifyReport {
  std::uint64_t events = 0;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::vector<Finding> findings = {};  // empty: every byte passed its checks
};

// The contract that every engine keeps: an ordered, durable, append-only store of events.
//
// Durable before acknowledged and before visible; an append is atomic, also over several streams;
// versions are contiguous per stream; positions are one total order of commits; appending again
// with the same ids answers with the first outcome. docs/contract.md has the rules in full.
//
// Threads: safe from any thread.
// Errors:  values; no exception leaves a function.
class EventStore {
 public:
  EventStore() = default;
  // Waits for appends under way; queued ones fail with Closed.
  virtual ~EventStore() = default;
  EventStore(const EventStore&) = delete;
  EventStore& operator=(const EventStore&) = delete;

  // Appends and waits for the outcome.
  //
  // Fails with InvalidArgument or LimitExceeded; WrongExpectedVersion, AppendConditionFailed,
  // EventIdConflict or StreamDeleted; Overloaded, DeadlineExceeded, Cancelled, Closed, ReadOnly,
  // NoSpace, OutOfResources or Unavailable, Unsupported where the server may lose what it
  // acknowledges, or Corruption or Archived of what decides it, with nothing written;
  // OutcomeUnknown or Io where only a look at the ids can tell.
  virtual Result<AppendResult> append(AppendRequest request) = 0;

  // The same, without waiting. `callback` runs exactly once, on the store's callback thread: it may
  // append, it must not block for long, and it must not destroy the store.
  virtual void append_async(AppendRequest request, AppendCallback callback) = 0;

  // Opens a read; see Cursor. Fails with InvalidArgument or LimitExceeded, or as head() does.
  virtual Result<std::unique_ptr<Cursor>> read(ReadRequest request) = 0;

  // The last position that is durable and visible; 0 in an empty store.
  //
  // Fails with Closed. A store that was opened read-only looks at what others have written, and may
  // also fail with Corruption, UnsupportedFormat, NotFound (the store was removed), OutOfResources
  // or Io. A store on a server asks it, and may also fail with Unavailable or DeadlineExceeded
  // where it does not answer, Corruption where it has lost events that were seen, OutOfResources or
  // Io.
  virtual Result<GlobalPosition> head() = 0;

  // Waits until the head is greater than `position`, and returns it. Fails with DeadlineExceeded or
  // Cancelled, or as head() does.
  virtual Result<GlobalPosition> wait_past(GlobalPosition position, Deadline deadline,
                                           std::stop_token cancellation) = 0;

  // Absent: there is no such stream.
  //
  // Fails as head() does; with InvalidArgument or LimitExceeded where a stream cannot have that
  // name; and with Corruption, OutOfResources or Io where what would answer cannot be read, or
  // Archived where it is of a month that is detached.
  virtual Result<std::optional<StreamInfo>> stream_info(std::string_view stream) = 0;

  // Fails as stream_info() does.
  virtual Result<std::vector<StreamInfo>> list_streams(const ListStreamsRequest& request) = 0;

  // Where `ids` are in `stream`, in their order; absent where the stream has no such event.
  //
  // Fails as stream_info() does.
  virtual Result<std::vector<std::optional<EventLocation>>> find(std::string_view stream,
                                                                 std::span<const Uuid> ids) = 0;

  // Fails as stream_info() does.
  Result<StreamMetadata> stream_metadata(std::string_view stream);

  // Replaces the metadata of `stream` (which need not exist). `json` is an object; keys that start
  // with '$' are the store's own and refused: those that are there stay. `expected` is about the
  // metadata's own version.
  //
  // Fails as stream_info() and append() do; with Overloaded also where others change the metadata
  // all the time.
  Result<StreamVersion> set_stream_metadata(std::string_view stream, std::string_view json,
                                            ExpectedVersion expected);

  // The four ways to delete. `expected` is about the version of the stream itself. All but
  // tombstone_stream() write the stream's metadata, as set_stream_metadata() does, and fail as that
  // does; tombstone_stream() fails as append() does. StreamDeleted: the stream is tombstoned.

  // Events before version `before` are gone at once, everywhere. Fails with InvalidArgument where
  // `before` lies beyond the next version to come. What is truncated already stays so.
  Result<StreamChange> truncate_stream(std::string_view stream, StreamVersion before,
                                       ExpectedVersion expected);

  // Replaces both bounds; they may be set before the stream's first event. Where one is taken away
  // or relaxed, what it hides by then is truncated: nothing comes back.
  Result<StreamChange> set_retention(std::string_view stream, const Retention& retention,
                                     ExpectedVersion expected);

  // Truncates all there is. The next event takes the next version.
  Result<StreamChange> delete_stream(std::string_view stream, ExpectedVersion expected);

  // Deletes the stream for ever. Its events are gone, and it never takes another.
  Result<StreamChange> tombstone_stream(std::string_view stream, ExpectedVersion expected);

  // Frees the space of what is deleted, while the store is read and written to. Positions and
  // versions stay; what max count and max age hide is gone from every read from then on. Only what
  // is sealed is looked at, and only what was deleted before it began. Where it is cut short, by a
  // crash too, the next one goes on. One at a time.
  //
  // Fails with ReadOnly, Cancelled, Closed, NoSpace, OutOfResources, Unavailable or Io; with
  // Overloaded (try again) where one is under way, or the index is not written yet; with Corruption
  // where it meets damage. A dry run, for which a store opened read-only will do: with Cancelled,
  // or as stats().
  virtual Result<ScavengeReport> scavenge(const ScavengeOptions& options) = 0;

  virtual Capabilities capabilities() const = 0;

  // Fails as stream_info() does: with Corruption where damage makes the counts uncertain.
  virtual Result<StoreStats> stats() = 0;

  // Answers at once, whatever else goes on.
  virtual Health health() = 0;

  // Reads every stored byte and checks it. Damage is in the report, not an error.
  //
  // Fails as head() does; with OutOfResources or Io; with Corruption also where a segment was
  // removed while the store was open.
  virtual Result<VerifyReport> verify() = 0;
};

}  // namespace eventstore
