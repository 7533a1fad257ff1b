#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/thread_annotations.hpp"
#include "eventstore/error.hpp"
#include "eventstore/position.hpp"
#include "eventstore/uuid.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// Whether the server that a connection leads to still has what this store has shown and
// acknowledged. A standby that was promoted while it was behind, or a backup in the server's place,
// lacks some of it and gives its positions to other events: from then on the store neither reads
// nor appends.
//
// Threads: safe from any thread.
class History {
 public:
  History(const StoreSettings& settings, KnownMonths& months)
      : settings_(settings), months_(months) {}

  // Looks at the server of a new connection, before it is used to read.
  //
  // Fails with Corruption where the server has lost events, and with Unavailable where it is a
  // standby that does not have all of them yet, or was the primary before one was promoted.
  Answer<void> admit_reader(Connection& connection, Deadline deadline);

  // The same, to append; commits of the session are on the disk when they are answered.
  //
  // Fails also with Unavailable where the server is a standby, and with Unsupported where it may
  // lose what it acknowledges.
  Answer<void> admit_writer(Connection& connection, Deadline deadline);

  // Takes a head that `connection` gave, and shown() from before it was asked. Behind a pooler the
  // server may be another one by now. Fails as admit_reader().
  Answer<void> take_head(GlobalPosition head, GlobalPosition shown_before, Connection& connection,
                         Deadline deadline);

  // The greatest head that the store has shown or acknowledged.
  GlobalPosition shown() const EXCLUDES(mutex_);
  void show(GlobalPosition head) EXCLUDES(mutex_);
  // An event that was acknowledged, and the last of its append.
  void acknowledge(GlobalPosition position, const Uuid& id) EXCLUDES(mutex_);

  // Why nothing is read or appended any more.
  std::optional<Error> failure() const EXCLUDES(mutex_);
  // The server's head is `head`, or was before this store went on, and there were events up to
  // `shown`. Returns failure().
  Error lose_from(GlobalPosition head, GlobalPosition shown) EXCLUDES(mutex_);

 private:
  struct Acknowledged {
    GlobalPosition position = {};
    Uuid id = {};
  };
  // What a server says of itself.
  struct Server {
    bool is_standby = false;
    bool has_fsync = true;
    bool has_full_page_writes = true;
    std::string synchronous_commit = {};
    std::string timeline = {};  // empty where that is not known
    std::string isolation = {};
    std::optional<std::uint64_t> system_identifier = {};
  };
  static Answer<Server> ask(Connection& connection, Deadline deadline);
  Answer<void> admit(Connection& connection, const Server& server, Deadline deadline);
  // What a server has of the store.
  struct Stored {
    bool is_standby = false;
    GlobalPosition head = {};
    std::shared_ptr<const MonthList> months;
  };
  Answer<Stored> ask_head(Connection& connection, Deadline deadline);
  Answer<void> compare(Connection& connection, Deadline deadline);
  Answer<void> compare_with(GlobalPosition shown, const Acknowledged& last, Connection& connection,
                            Deadline deadline);
  Answer<bool> is_another_event(Connection& connection, const Acknowledged& last,
                                const MonthList& months, Deadline deadline) const;
  Answer<void> set_up_writer(Connection& connection, const Server& server, Deadline deadline);
  Error lose(Error error) EXCLUDES(mutex_);

  const StoreSettings& settings_;
  KnownMonths& months_;
  mutable Mutex mutex_;
  GlobalPosition shown_ GUARDED_BY(mutex_) = {};
  Acknowledged last_ GUARDED_BY(mutex_) = {};
  std::optional<std::uint64_t> system_identifier_ GUARDED_BY(mutex_) = {};
  std::string timeline_ GUARDED_BY(mutex_) = {};
  bool told_of_commits_ GUARDED_BY(mutex_) = false;
  std::optional<Error> failure_ GUARDED_BY(mutex_) = {};
};

}  // namespace eventstore::postgres
