#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/document.hpp"
#include "eventstore/position.hpp"
#include "eventstore/projection.hpp"
#include "eventstore/result.hpp"
#include "eventstore/state.hpp"
#include "eventstore/subscription.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// What becomes of an event that cannot be applied.
enum class FailurePolicy : std::uint8_t {
  Stop,  // the projection stops before it, until it is resumed
  Park,  // it is left out, and noted with its error, to be looked at
  Skip,  // it is left out, and noted as that
};

std::string_view to_string(FailurePolicy policy);
std::optional<FailurePolicy> parse_failure_policy(std::string_view name);

// What has become of an event that could not be applied at first.
enum class FailureState : std::uint8_t {
  Retrying,
  Recovered,  // an attempt was a success
  Parked,     // as FailurePolicy has it
  Skipped,
  Stopped,
};

// Such as "retrying".
std::string_view to_string(FailureState state);

struct ProjectionFailure {
  std::string projection;
  GlobalPosition position;
  std::string stream;
  std::string type;
  std::uint32_t attempts = 0;
  std::string error = {};
  FailureState state = FailureState::Retrying;
  Timestamp first_at = {};
  Timestamp last_at = {};
};

struct ProjectionOptions {
  // How many threads apply events, each those of its partitions: 1 to 64. It may be another number
  // the next time.
  std::uint32_t workers = 1;
  // Ends by itself when what is stored at its beginning has been applied, by this instance or by
  // the one that works. Fails with InvalidArgument where the projection is paused before that.
  bool once = false;

  // A transaction has about so many events of a worker at most (at least 1), and is committed at
  // the latest after so long; at once where no more events wait.
  std::size_t transaction_events_max = 16384;
  std::chrono::milliseconds transaction_time_max = std::chrono::milliseconds(500);
  // What the workers keep of documents in memory, all together, roughly.
  std::size_t cache_bytes_max = std::size_t{256} << 20;

  // An event that cannot be applied is tried so often in all (at least once), with pauses from the
  // first to the second length, doubling, with jitter.
  std::uint32_t attempts_max = 5;
  std::chrono::milliseconds pause_min = std::chrono::milliseconds(100);
  std::chrono::milliseconds pause_max = std::chrono::seconds(30);
  FailurePolicy on_failure = FailurePolicy::Stop;

  // Names this process to people, who see it as the owner.
  std::string owner = "event-store";
  // One instance of a projection works; another takes over when it has not been heard of for so
  // long. At least 100 ms.
  std::chrono::milliseconds lease = std::chrono::seconds(10);

  // Called with each failed attempt, and with failures of the databases that are tried again.
  // From any thread of the projection; must not block for long, nor throw.
  std::function<void(const ProjectionFailure&)> on_failed_attempt = {};
  std::function<void(const Error&)> on_retry = {};
};

enum class ProjectionPhase : std::uint8_t {
  Waiting,  // for another instance to end, or for a rebuild's switch
  Paused,
  Working,
  Ended,
};

// A projection at work in this process.
//
// Ownership: destroying it stops it.
// Threads:   safe from any thread.
class RunningProjection {
 public:
  RunningProjection() = default;
  virtual ~RunningProjection() = default;
  RunningProjection(const RunningProjection&) = delete;
  RunningProjection& operator=(const RunningProjection&) = delete;

  // Ends after the events under way. Fails with DeadlineExceeded where that takes longer (it ends
  // all the same), or as wait().
  virtual Result<void> stop(Deadline deadline) = 0;

  // Waits until it has ended by itself. Fails with DeadlineExceeded; with what ended it:
  // UnsupportedFormat where what is stored is of another version, or has other tables or another
  // filter (rebuild it, with a higher version), also while another instance works on that, unless a
  // rebuild is under way that makes what fits; InvalidArgument where an event could not be applied
  // and the policy is Stop, Cancelled where it was reset, or as the store and the state database.
  virtual Result<void> wait(Deadline deadline) = 0;

  // Waits until every event up to `position` has been applied, and the effects can be read. Where
  // another instance works this one looks about four times a second: ask Projections::wait_for().
  // Fails with DeadlineExceeded, or as wait() where it has ended before.
  virtual Result<void> wait_for(GlobalPosition position, Deadline deadline) = 0;

  // Every event up to it has been applied; where another instance works, as of the last look.
  virtual GlobalPosition position() const = 0;
  virtual ProjectionPhase phase() const = 0;
};

enum class ProjectionState : std::uint8_t {
  Running,
  Stopped,  // nobody works on it
  Paused,
  Failed,  // it has stopped before an event that could not be applied
};

// Such as "running".
std::string_view to_string(ProjectionState state);

struct ProjectionStatus {
  std::string name;
  std::uint32_t version = 0;
  std::uint32_t workers = 0;
  ProjectionState state = ProjectionState::Stopped;
  std::optional<std::string> failure = {};  // why it failed
  std::optional<std::string> owner = {};    // who works on it
  GlobalPosition position;                  // every event up to it has had its effects
  GlobalPosition head;                      // of the store
  std::uint64_t lag = 0;                    // positions in between
  std::chrono::microseconds lag_time = {};  // how long the first event in between has been there
  std::uint64_t events = 0;                 // applied
  std::uint64_t failures = 0;               // events that were parked, skipped or stopped it
  std::optional<Timestamp> stored_at = {};  // the last commit
  // A rebuild that is under way, or was cut short.
  struct Rebuild {
    std::uint32_t version = 0;
    std::uint32_t workers = 0;
    GlobalPosition position;
    bool is_running = false;
  };
  std::optional<Rebuild> rebuild = {};
};

struct RebuildProgress {
  GlobalPosition position;
  GlobalPosition target;                                    // the live projection's position
  double positions_per_second = 0;                          // since this call began
  std::chrono::milliseconds elapsed = {};                   // of this call
  std::optional<std::chrono::milliseconds> remaining = {};  // an estimate
};

struct RebuildOptions {
  ProjectionOptions run = {};  // `once` is of no account
  bool restart = false;        // begins anew where an earlier rebuild was cut short
  std::function<void(const RebuildProgress&)> on_progress = {};  // about four times a second
  std::stop_token cancellation = {};
};

struct ProjectionDocument {
  std::string key;
  std::string text;
};

// Failed attempts of an hour.
struct FailureHour {
  Timestamp hour;
  std::uint64_t failed = 0;   // events that failed for the first time
  std::uint64_t retries = 0;  // attempts after that
};

// The projections of one store.
//
// Ownership: borrows the subscriptions (and their store) and the state database; outlives what
//            run() returns.
// Threads:   safe from any thread.
class Projections {
 public:
  Projections(Subscriptions& subscriptions, StateDatabase& state);
  ~Projections();
  Projections(const Projections&) = delete;
  Projections& operator=(const Projections&) = delete;

  // Starts `projection`, which must outlive what is returned. Fails with InvalidArgument (a name,
  // a table, an option, a filter).
  Result<std::unique_ptr<RunningProjection>> run(Projection& projection,
                                                 const ProjectionOptions& options = {});

  // Computes the projection anew, beside the one that goes on working, and then has its new state
  // take the place of the old, at once. For that the other one waits a moment; one that is always
  // behind also waits before, for five seconds at a time, so that this one gains on it. An earlier
  // one that was cut short (by a crash too) is gone on with. Where there is none to take the place
  // of, it is that of run() with `once`.
  //
  // Once it has begun, failures of the databases that may pass are waited out, as told by
  // ProjectionOptions::on_retry, until it is cancelled. Fails with Cancelled (the next call goes
  // on); Overloaded where another rebuild of it is under way; or as RunningProjection::wait().
  Result<void> rebuild(Projection& projection, const RebuildOptions& options = {});

  // By name. Fails as StateTransaction::run() and EventStore::head().
  Result<std::vector<ProjectionStatus>> list();
  // Absent: it has never run.
  Result<std::optional<ProjectionStatus>> status(std::string_view name);

  // Whoever works on it stops after the events under way, until it is resumed. False, as of the
  // next two: there is no such projection.
  Result<bool> pause(std::string_view name);
  // After pause(), or after a failure stopped it.
  Result<bool> resume(std::string_view name);
  // Takes away all that is stored of it: it begins anew. What works on it ends with Cancelled.
  Result<bool> reset(std::string_view name);

  // As text. Absent: there is no such document. All three fail with NotFound where the projection
  // has never run.
  Result<std::optional<std::string>> document(std::string_view name, std::string_view key);
  // As what a projection kept by that type. Fails as DocumentCodec<T>::decode() too.
  template <typename T>
  Result<std::optional<T>> document(std::string_view name, std::string_view key) {
    const auto text = document(name, key);
    if (!text) return std::unexpected(text.error());
    if (!*text) return std::nullopt;
    auto value = DocumentCodec<T>::decode(**text);
    if (!value) return std::unexpected(std::move(value).error());
    return *std::move(value);
  }
  // By key, from the first after `after`.
  Result<std::vector<ProjectionDocument>> documents(std::string_view name, std::string_view after,
                                                    std::uint64_t limit);
  // Waits until every event up to `position` has had its effects, whoever works on it: asks the
  // state database, every 1 to 20 ms. Fails with DeadlineExceeded, with NotFound where it has not
  // run at all until then; InvalidArgument where a failure has stopped it before that.
  Result<void> wait_for(std::string_view name, GlobalPosition position, Deadline deadline);

  // Events that could not be applied at first, the newest first; of all where `name` is empty.
  Result<std::vector<ProjectionFailure>> failures(std::string_view name, std::uint64_t limit);
  // Hours that had any, the newest first; of all projections where `name` is empty.
  Result<std::vector<FailureHour>> failure_hours(std::string_view name, std::uint64_t limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eventstore
