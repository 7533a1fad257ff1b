#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/thread_annotations.hpp"
#include "eventstore/position.hpp"
#include "eventstore/time.hpp"
#include "postgres/connection.hpp"

namespace eventstore::postgres {

// A month in UTC, as the tables have it: 202611. 0: none.
struct Month {
  std::int32_t number = 0;

  static Month of(Timestamp time);
  Month next() const;
  Timestamp begin() const;
  std::string to_string() const;                             // "2026-11"
  std::string suffix() const;                                // "2026_11"
  static std::optional<Month> parse(std::string_view text);  // of to_string()
  friend constexpr auto operator<=>(Month, Month) = default;
};

// A month that has events. They lie in positions up to where the next month begins.
struct StoredMonth {
  Month month;
  GlobalPosition first_position;
  std::string suffix;  // of its tables
  friend bool operator==(const StoredMonth&, const StoredMonth&) = default;
};

// All months that have events, in order.
struct MonthList {
  std::vector<StoredMonth> months;

  bool empty() const { return months.empty(); }
  Month last() const { return months.empty() ? Month{} : months.back().month; }
  // Null where the list does not have it.
  const StoredMonth* find(Month month) const;
  // The ordinal of the month that holds a position, or of the first one.
  std::size_t ordinal_of(GlobalPosition position) const;
};

// What this process knows of the months of a store: new ones come to it, and it loses none but to a
// server that has others in their place.
//
// Threads: safe from any thread.
class KnownMonths {
 public:
  std::shared_ptr<const MonthList> list() const;
  // Reads them anew.
  Answer<std::shared_ptr<const MonthList>> load(Connection& connection, const std::string& schema,
                                                Deadline deadline);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const MonthList> list_ GUARDED_BY(mutex_) = std::make_shared<MonthList>();
};

Answer<bool> month_has_tables(Connection& connection, const std::string& schema, Month month,
                              Deadline deadline);

// Makes the tables of a month where they are not there yet. True: it made them.
//
// Fails where the role may not, or where the default tables have events of that month.
Answer<bool> make_month_tables(Connection& connection, const std::string& schema, Month month,
                               Deadline deadline);

// Statements that make the tables of a month, which are there already, a part of the store.
std::string attach_statements(const std::string& schema, Month month);

// Tables are made for this month and so many after it.
inline constexpr std::uint32_t kMonthsAhead = 3;

// Statements that give whoever has rights on the table `from` the same on the table `to`. Names are
// quoted, with their schema.
Answer<std::string> grant_statements(Connection& connection, const std::string& from,
                                     const std::string& to, Deadline deadline);

}  // namespace eventstore::postgres
