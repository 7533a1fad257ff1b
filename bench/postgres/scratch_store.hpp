#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "postgres/postgres_store.hpp"

namespace eventstore::bench {

// A new store in a schema of its own.
//
// Ownership: drops the schema at its end; what else has the store open must be gone by then.
class ScratchStore {
 public:
  // In the database at `database`, a URL.
  ScratchStore(std::string database, std::string_view name);
  ~ScratchStore();
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;

  const std::string& url() const { return url_; }
  EventStore& store() { return *store_; }
  std::string schema() const;  // quoted

  // Closes it and opens it again: as everybody does, or with something replaced.
  void reopen(const postgres::PostgresStoreTuning& tuning = {});
  // Has the server look at what there is now, as autovacuum would later.
  void vacuum();
  // "2026_11": of the tables of the only month that has events.
  std::string month_suffix();

 private:
  void drop() const;

  const std::string database_;
  const std::string url_;
  std::unique_ptr<EventStore> store_;
};

}  // namespace eventstore::bench
