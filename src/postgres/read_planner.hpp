#pragma once

#include <optional>
#include <string>

#include "eventstore/read.hpp"
#include "postgres/connection.hpp"
#include "postgres/known_streams.hpp"
#include "postgres/months.hpp"
#include "postgres/postgres_cursor.hpp"
#include "postgres/store_settings.hpp"
#include "postgres/stream_lookup.hpp"

namespace eventstore::postgres {

// Finds out where the events of a read lie, before the first of them is asked for.
//
// Ownership: borrows all it is made of.
// Threads:   one at a time.
class ReadPlanner {
 public:
  ReadPlanner(const StoreSettings& settings, KnownMonths& months, Connection& connection,
              Deadline deadline)
      : settings_(settings), months_(months), connection_(connection), deadline_(deadline) {}

  Answer<SeenHead> look();
  Answer<ReadPlan> plan(ReadRequest request, KnownStreams& streams);

 private:
  // What came in one go: the head, the first page, and of a read of one stream what is known of it.
  // Of a stream it is a guess in which months it begins and ends: those of the last time, or the
  // newest one.
  struct Guess {
    SeenHead seen = {};
    std::optional<SeenStream> stream = {};
    Rows page = {};
    std::uint64_t page_rows = 0;
    ReadPlan::Part part = {};  // what the page is of
  };
  // The months in which the events are taken to be: that of the first page, and that of the last
  // event of a stream.
  struct GuessedMonths {
    const StoredMonth* page = nullptr;
    const StoredMonth* last = nullptr;
  };
  Answer<std::optional<Guess>> guess(const ReadRequest& request, KnownStreams& streams);
  static GuessedMonths guess_months(const ReadRequest& request, const MonthList& months,
                                    KnownStreams& streams);
  Answer<ReadPlan> plan_stream(ReadPlan plan, const SeenHead& seen,
                               std::optional<SeenStream> stream, KnownStreams& streams);
  static void plan_positions(ReadPlan& plan, const SeenHead& seen);

  const StoreSettings& settings_;
  KnownMonths& months_;
  Connection& connection_;
  const Deadline deadline_;
};

}  // namespace eventstore::postgres
