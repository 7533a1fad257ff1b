#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/memory_file_system.hpp"
#include "core/seeded_random.hpp"
#include "core/simulated_clock.hpp"
#include "eventstore/time.hpp"
#include "postgres/connection.hpp"
#include "property/pair.hpp"

// Stores of the engines that are compared with each other, each with a time of its own, which goes
// on only when it is told to.
namespace eventstore::test {

// The embedded engine on files in memory, without threads, with limits drawn by seed: many small
// segments and runs of the index.
class EmbeddedStore {
 public:
  EmbeddedStore(std::uint64_t seed, Timestamp start);

  // Opens this store; they borrow it.
  Pair::Hooks hooks();

 private:
  std::unique_ptr<EventStore> open(int segment_size);

  MemoryFileSystem files_;
  SimulatedClock clock_;
  SeededRandom random_;
  const std::uint64_t run_events_max_;
};

// The PostgreSQL engine in a schema that one history after another has. It is emptied in between,
// which takes a fraction of the time that making it does, and now and then made anew, so that
// the tables of months are not always there already.
class PostgresHistories {
 public:
  explicit PostgresHistories(std::string uri);
  ~PostgresHistories();
  PostgresHistories(const PostgresHistories&) = delete;
  PostgresHistories& operator=(const PostgresHistories&) = delete;

  // Of a store that is empty, where none is open; they borrow it.
  Pair::Hooks hooks(Timestamp start);

 private:
  std::unique_ptr<EventStore> open();
  void drop();
  void empty();

  const std::string uri_;
  const std::string schema_;
  const std::unique_ptr<postgres::Connection> connection_;
  std::uint64_t histories_ = 0;
  std::atomic<Timestamp> now_ = Timestamp{};
};

}  // namespace eventstore::test
