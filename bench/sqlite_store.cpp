#include <memory>
#include <mutex>
#include <string>

#include "candidate.hpp"
#include "core/codec.hpp"
#include "harness.hpp"
#include "sqlite_database.hpp"
#include "stored_event.hpp"

namespace eventstore::bench {
namespace {

// A commit is synced (FULL). A reader maps the database, and a bulk has room for the pages it
// changes.
constexpr const char* kSettings =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA mmap_size = 17179869184;"
    "PRAGMA cache_size = -262144; PRAGMA busy_timeout = 10000";

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS events ("
    " position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,"
    " type TEXT NOT NULL, id BLOB NOT NULL, occurred_at INTEGER NOT NULL, tags BLOB NOT NULL,"
    " metadata BLOB NOT NULL, data BLOB NOT NULL, UNIQUE (stream, version))";

constexpr std::string_view kSelectVersion =
    "SELECT version FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1";
constexpr std::string_view kSelectStream =
    "SELECT position, version, stream, type, id, tags, metadata, data FROM events"
    " WHERE stream = ? ORDER BY version";
constexpr std::string_view kSelectAll =
    "SELECT position, version, stream, type, id, tags, metadata, data FROM events"
    " ORDER BY position";
constexpr std::string_view kInsert =
    "INSERT INTO events (stream, version, type, id, occurred_at, tags, metadata, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

SqliteDatabase& with_settings(SqliteDatabase& database) {
  database.execute(kSettings);
  return database;
}

SqliteDatabase& with_schema(SqliteDatabase& database) {
  with_settings(database).execute(kSchema);
  return database;
}

std::uint64_t select_version(SqliteStatement& statement, std::string_view stream) {
  statement.bind_text(1, stream);
  const auto version = statement.step() ? statement.number(0) : 0;
  statement.reset();
  return version;
}

class SqliteReader : public Reader {
 public:
  explicit SqliteReader(const std::filesystem::path& path)
      : database_(path),
        version_(with_settings(database_), kSelectVersion),
        stream_(database_, kSelectStream),
        all_(database_, kSelectAll) {}

  std::uint64_t stream_version(std::string_view stream) override {
    return select_version(version_, stream);
  }

  void read_stream(std::string_view stream, const Visitor& visit) override {
    stream_.bind_text(1, stream);
    read(stream_, visit);
  }

  void read_all(const Visitor& visit) override { read(all_, visit); }

 private:
  static void read(SqliteStatement& statement, const Visitor& visit) {
    EventView event;
    while (statement.step()) {
      event.position.value = statement.number(0);
      event.version.value = statement.number(1);
      event.stream = statement.bytes(2);
      event.type = statement.bytes(3);
      std::memcpy(event.id.bytes.data(), statement.bytes(4).data(), event.id.bytes.size());
      event.tags = TagsView(statement.bytes(5));
      event.metadata = statement.bytes(6);
      event.data = statement.bytes(7);
      visit(event);
    }
    statement.reset();
  }

  SqliteDatabase database_;
  SqliteStatement version_;
  SqliteStatement stream_;
  SqliteStatement all_;
};

// SQLite lets one connection write at a time; a mutex makes for a shorter wait than its own locks.
class SqliteStore : public Store {
 public:
  explicit SqliteStore(const std::filesystem::path& folder)
      : path_(folder / "events.sqlite"),
        database_(path_),
        begin_(with_schema(database_), "BEGIN IMMEDIATE"),
        commit_(database_, "COMMIT"),
        rollback_(database_, "ROLLBACK"),
        version_(database_, kSelectVersion),
        insert_(database_, kInsert) {
    SqliteStatement(database_, "SELECT max(position) FROM events").run();
  }

  bool append(AppendRequest& request) override {
    const std::lock_guard lock(mutex_);
    begin_.run();
    const bool holds = insert(request);
    (holds ? commit_ : rollback_).run();
    return holds;
  }

  void append_bulk(std::span<AppendRequest> requests) override {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < requests.size();) {
      begin_.run();
      for (std::size_t count = 0; i < requests.size() && count < kEventsPerBulkCommit; ++i) {
        count += requests[i].events.size();
        if (!insert(requests[i])) fail("a bulk request expects another version");
      }
      commit_.run();
    }
  }

  std::unique_ptr<Reader> reader() override { return std::make_unique<SqliteReader>(path_); }

 private:
  // False where a check does not hold.
  bool insert(const AppendRequest& request) {
    const auto versions = decide_versions(
        request, [this](std::string_view stream) { return select_version(version_, stream); });
    if (!versions) return false;
    for (std::size_t i = 0; i < request.events.size(); ++i) {
      insert_event(request.events[i], versions->of_events[i]);
    }
    return true;
  }

  void insert_event(const NewEvent& event, std::uint64_t version) {
    const auto id = event.id.value_or(Uuid{});
    const auto time = event.occurred_at ? event.occurred_at->time_since_epoch().count() : 0;
    tags_.clear();
    append_tags(event.tags, tags_);
    insert_.bind_text(1, event.stream);
    insert_.bind(2, version);
    insert_.bind_text(3, event.type);
    insert_.bind_blob(4, as_chars(std::as_bytes(std::span(id.bytes))));
    insert_.bind(5, static_cast<std::uint64_t>(time));
    insert_.bind_blob(6, tags_);
    insert_.bind_blob(7, event.metadata);
    insert_.bind_blob(8, event.data);
    insert_.run();
  }

  const std::filesystem::path path_;
  std::mutex mutex_;
  // Guarded by mutex_:
  SqliteDatabase database_;
  SqliteStatement begin_;
  SqliteStatement commit_;
  SqliteStatement rollback_;
  SqliteStatement version_;
  SqliteStatement insert_;
  std::string tags_;
};

}  // namespace

std::unique_ptr<Store> open_sqlite_store(const std::filesystem::path& folder) {
  return std::make_unique<SqliteStore>(folder);
}

}  // namespace eventstore::bench
