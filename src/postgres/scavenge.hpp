#pragma once

#include <memory>
#include <string_view>

#include "eventstore/deletion.hpp"
#include "eventstore/result.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/read_planner.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {

// Frees the space of what is deleted, some events at a time, each in a transaction of its own: no
// append waits for it. Of the last event of a stream its id and version are kept for ever, so that
// the stream's version is never forgotten, and the newest event of the store is let alone.
//
// Ownership: borrows the settings, months and options.
// Threads:   one at a time.
class Scavenge {
 public:
  Scavenge(const StoreSettings& settings, KnownMonths& months, const ScavengeOptions& options)
      : settings_(settings), months_(months), options_(options) {}

  // Fails as EventStore::scavenge() does.
  Result<ScavengeReport> run();

 private:
  struct Target {
    std::string name;
    SeenStream stream;
    StreamVersion first_readable;
  };

  Result<void> begin();
  Result<ScavengeReport> run_alone();
  Answer<std::vector<Target>> targets(const SeenHead& seen);
  Result<void> free(const SeenHead& seen, const Target& target);
  Answer<bool> free_some(const SeenHead& seen, const Target& target, const std::string& suffix);
  Answer<void> forget_ids(const Target& target);
  Answer<GlobalPosition> last_before(const SeenHead& seen, Timestamp time);
  Result<void> still_wanted() const;
  Deadline patience() const {
    return settings_.environment.clock->monotonic_now() + settings_.patience;
  }

  const StoreSettings& settings_;
  KnownMonths& months_;
  const ScavengeOptions& options_;
  std::unique_ptr<Connection> connection_;
  ScavengeReport report_;
  GlobalPosition forgotten_;  // ids of what is gone are remembered behind it
};

}  // namespace eventstore::postgres
