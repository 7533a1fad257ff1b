#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "eventstore/append.hpp"
#include "eventstore/event.hpp"
#include "eventstore/open.hpp"
#include "results.hpp"

namespace eventstore::bench {

// The job that every candidate does in its own way: append events durably and atomically, each to
// the next version of its stream and the next global position, where the streams' versions are
// what the append expects; read a stream by version and everything by position.

// What takes appends.
//
// Threads: safe from any thread.
class Appender {
 public:
  Appender() = default;
  virtual ~Appender() = default;
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;

  // Appends all events of `request`, or answers false where one of its checks does not hold.
  // Durable when it returns. May move out of `request`, so that nobody pays for a copy that its
  // own interface does not ask for.
  virtual bool append(AppendRequest& request) = 0;

  // Appends request after request in the fastest way that leaves all of them durable when it
  // returns, and each of them whole or absent whenever the machine stops.
  virtual void append_bulk(std::span<AppendRequest> requests) = 0;
};

// Called with each event of a read. The views are good until it returns.
using Visitor = std::function<void(const EventView&)>;

// Reads a store while others append to it or read it.
//
// Ownership: must not outlive its store.
// Threads:   one thread at a time.
class Reader {
 public:
  Reader() = default;
  virtual ~Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The number of the stream's last event; 0 where there is no such stream.
  virtual std::uint64_t stream_version(std::string_view stream) = 0;
  virtual void read_stream(std::string_view stream, const Visitor& visit) = 0;
  virtual void read_all(const Visitor& visit) = 0;
};

class Store : public Appender {
 public:
  virtual std::unique_ptr<Reader> reader() = 0;
};

// A store that takes part, by its name in results and options.
struct StoreKind {
  std::string_view name;
  // Opens the store in a folder that exists; makes it where there is none. Has looked at the last
  // position when it returns, so that none can put off the work of opening.
  std::unique_ptr<Store> (*open)(const std::filesystem::path& folder);
};

inline constexpr std::string_view kRocksDbName = "rocksdb";
inline constexpr std::string_view kLmdbName = "lmdb";
inline constexpr std::string_view kSqliteName = "sqlite";

// Those that this program was built with, the engine first.
std::span<const StoreKind> store_kinds();
const StoreKind* find_store_kind(std::string_view name);

std::unique_ptr<Store> open_engine_store(const std::filesystem::path& folder,
                                         const OpenOptions& options = {});
std::unique_ptr<Store> open_rocksdb_store(const std::filesystem::path& folder);
std::unique_ptr<Store> open_lmdb_store(const std::filesystem::path& folder);
std::unique_ptr<Store> open_sqlite_store(const std::filesystem::path& folder);

// Events of a bulk that the others than the engine put into one commit.
inline constexpr std::size_t kEventsPerBulkCommit = 10'000;

}  // namespace eventstore::bench
