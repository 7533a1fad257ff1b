#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/open.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"
#include "eventstore/time.hpp"

namespace eventstore {

// Makes open() know the URLs of the PostgreSQL engine, `postgresql://...?schema=NAME` and
// `postgres://...`, from then on. Call it before the first such store is opened; again does no
// harm. For programs that link eventstore::postgres.
//
// A URL is one of libpq (host, port, user, database and all its parameters), with these of the
// engine's own beside them:
//
// `schema=NAME`: where the store lives, "eventstore" unless given. One database can hold many.
//
// `connections=N`: at most so many for reads at once, 8 unless given.
//
// `pooler=transaction`: there is a pooler in between that gives each transaction another session.
//
// `listen=URI`, percent-encoded: where LISTEN has a session of its own, beside such a pooler.
//
// `patience=SECONDS`: how long the server is waited for, and what is asked of it: 1 to 3600, 30
// unless given.
//
// `migrate=off`: opening the store for writing neither makes its tables nor migrates them.
//
// Threads: safe from any thread.
void register_postgres_engine();

// A month of a store in PostgreSQL, whose events have tables of their own.
struct PostgresPartition {
  enum class State : std::uint8_t {
    Empty,      // its tables are there, for events to come
    Stored,     // it has events
    InDefault,  // it has events, in the default tables: its own could not be made
    Detached,   // its events are not part of the store for now
  };
  std::string month;  // "2026-11"
  State state = State::Empty;
  GlobalPosition first_position = {};  // of its events; 0 where it has none
  GlobalPosition last_position = {};   // up to where the next month begins
  std::uint64_t events = 0;            // as the server estimates; of a detached month the number
  std::uint64_t bytes = 0;             // of its tables with their indexes; 0: they are not here
};

// What VACUUM did to a table.
struct PostgresVacuum {
  std::string table;
  std::uint64_t dead_rows_before = 0;  // as the server estimates
  std::uint64_t dead_rows_after = 0;
  std::uint64_t bytes_before = 0;  // with its indexes
  std::uint64_t bytes_after = 0;
  std::chrono::microseconds duration{};
};

struct PostgresTable {
  std::string table;
  std::uint64_t rows = 0;       // as the server estimates
  std::uint64_t dead_rows = 0;  // space that VACUUM frees for new rows
  std::uint64_t bytes = 0;      // without its indexes
  std::uint64_t index_bytes = 0;
  std::uint64_t sequential_scans = 0;  // since the server's statistics were reset
  std::uint64_t index_scans = 0;
  std::optional<Timestamp> vacuumed_at = {};  // by whomever
  std::optional<Timestamp> analyzed_at = {};
};

struct PostgresIndex {
  std::string index;
  std::string table;
  std::uint64_t bytes = 0;
  std::uint64_t scans = 0;  // since the server's statistics were reset
  bool valid = true;        // false: making it broke off; ask for it again
};

struct PostgresTableStats {
  std::vector<PostgresTable> tables;   // largest first
  std::vector<PostgresIndex> indexes;  // largest first
};

struct PostgresMigration {
  std::int32_t from = 0;  // the schema's version before; 0: there was no store
  std::int32_t to = 0;
};

// Looks after the tables of a store in PostgreSQL, while other processes go on with the store: what
// only this engine has. Scavenging and verifying are in EventStore.
//
// Every call but migrate() also fails with NotFound where there is no store, and UnsupportedFormat
// where its tables are of another version than this library's. Every call fails with Unavailable
// where the server cannot be reached, with ReadOnly where the role may not, and with Io where the
// server refuses otherwise.
//
// Ownership: cannot be copied or moved; has a connection of its own.
// Threads:   one at a time.
class PostgresMaintenance {
 public:
  // Fails with InvalidArgument for a URL that is none, and with Unavailable.
  static Result<std::unique_ptr<PostgresMaintenance>> open(std::string_view url);
  ~PostgresMaintenance();
  PostgresMaintenance(const PostgresMaintenance&) = delete;
  PostgresMaintenance& operator=(const PostgresMaintenance&) = delete;

  // Brings the tables to this library's version; makes them where there are none, and those of this
  // month and of three more. Opening a store for writing does the same, unless its URL says
  // otherwise.
  //
  // Fails with NotAStore where the schema has other tables, and UnsupportedFormat where they are of
  // a newer version.
  Result<PostgresMigration> migrate();

  // All months that have tables or events, in order.
  Result<std::vector<PostgresPartition>> list_partitions();

  // Makes the tables of this month and of `ahead` more, where they are not there yet; not of a
  // month whose events are in the default tables already. Returns the months that it made them for.
  // Opening a store for writing makes some as well. Who has rights on the tables `events` and
  // `tags` has them on those of a month.
  //
  // Fails with InvalidArgument where `ahead` is above 120.
  Result<std::vector<std::string>> make_partitions(std::uint32_t ahead);

  // Takes a month ("2026-11") out of the store. Its tables are called detached_events_2026_11 and
  // detached_tags_2026_11 from then on; they can be dumped, and dropped. Streams keep their
  // versions and ids; reading events of the month fails with Archived. Appends and reads wait while
  // it is done, or it is not: it waits five seconds for them.
  //
  // Fails with InvalidArgument where the month is none, is that of the newest event or later, has
  // no events or is detached; with Unsupported where its events are in the default tables; and with
  // Overloaded where others are in the way, such as a long read or a scavenge.
  Result<void> detach_partition(std::string_view month);

  // The reverse. The tables have to be there again, as they were when the month was detached.
  //
  // Fails with InvalidArgument where the month is none or not detached, or the tables are not what
  // was detached; NotFound where they are not there; and with Overloaded as detach_partition().
  Result<void> attach_partition(std::string_view month);

  // Runs VACUUM (ANALYZE) on each table that has gathered dead rows or changes, more than 50 and a
  // fiftieth of its rows (`all`: on every table). Events can be appended and read meanwhile.
  // Returns the tables that it was run on.
  Result<std::vector<PostgresVacuum>> vacuum(bool all = false);

  Result<PostgresTableStats> table_stats();

  // Indexes the JSON payloads of events of `types` (none: of all events), for queries by SQL such
  // as `json @> '{"customer": 7}'` on the view json_events, in all months and those to come. It
  // makes appends of such events slower. Appends go on meanwhile. Where it broke off, call it
  // again. Returns the names of the indexes, one for each table of events.
  //
  // Fails with InvalidArgument for a type that cannot be one.
  Result<std::vector<std::string>> add_json_index(std::vector<std::string> types = {});

 private:
  struct Impl;
  explicit PostgresMaintenance(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace eventstore
