#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eventstore/read.hpp"
#include "postgres/connection_pool.hpp"
#include "postgres/event_sql.hpp"
#include "postgres/months.hpp"
#include "postgres/store_settings.hpp"

namespace eventstore::postgres {

// What a read is of, as it was found when the read was opened.
struct ReadPlan {
  ReadRequest request;
  GlobalPosition head = {};
  // What is read, month by month, in reading order: positions, of a stream versions, smallest and
  // greatest, both included.
  struct Part {
    std::string suffix = {};  // of the month's tables
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::vector<Part> parts = {};
  StreamId stream_id = 0;  // of a read of one stream
  bool hides = false;      // some events may be deleted, and this is no read of one stream
  // The first page of the first part, where it came with the plan. It may have events beyond the
  // part, which are no part of the read.
  std::optional<Rows> first_page = {};
  std::uint64_t first_page_rows = 0;  // that were asked for
};

// How many events a read asks for to begin with: not too many, for whoever looks at the first ones
// only.
std::uint64_t first_page_rows(const ReadRequest& request);

// What a page of a part has.
EventSelection page_of(const ReadPlan& plan, const ReadPlan::Part& part, std::uint64_t rows);

// A read under way: asks for a page of events at a time, and holds no connection in between.
//
// Ownership: borrows the settings and the pool; owns the pages that its views point into.
// Threads:   one at a time.
class PostgresCursor final : public Cursor {
 public:
  PostgresCursor(const StoreSettings& settings, ConnectionPool& pool, ReadPlan plan);

  Result<std::span<const EventView>> next() override;
  GlobalPosition head() const override { return plan_.head; }

 private:
  Result<std::span<const EventView>> read_next();
  Result<void> take_batch();
  Result<bool> next_page();
  Result<void> fetch();
  Answer<std::vector<Rows>> fetch_pages(std::size_t count);
  std::size_t parts_of_a_page() const;
  void take_page(Rows page);
  Result<void> fetch_payloads(int first_row, int end_row);
  bool is_shown(int row) const;
  std::uint64_t number_of(int row) const;  // position, or version in a read of one stream
  EventView view_of(int row) const;
  Result<void> still_wanted() const;
  Error to_read_error(const Failure& failure, const std::string& suffix) const;
  Deadline deadline() const;

  const StoreSettings& settings_;
  ConnectionPool& pool_;
  ReadPlan plan_;
  std::optional<Error> failure_;
  std::uint64_t left_;        // events that may still be returned
  std::size_t part_ = 0;      // of plan_.parts
  std::uint64_t page_rows_;   // of the next page
  std::deque<Rows> fetched_;  // the pages behind page_
  bool fetches_one_ = false;  // a part at a time, since a detached month was among several
  Rows page_;
  ReadPlan::Part page_part_;    // that it came from
  int row_ = 0;                 // of the page: the next one
  std::vector<Rows> payloads_;  // of events of the batch that did not come with the page
  std::vector<EventView> batch_;
};

}  // namespace eventstore::postgres
