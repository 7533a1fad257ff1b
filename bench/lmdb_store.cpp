#include <memory>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <lmdb.h>

#include "candidate.hpp"
#include "core/codec.hpp"
#include "harness.hpp"
#include "stored_event.hpp"

namespace eventstore::bench {
namespace {

constexpr std::size_t kMapBytesMax = std::size_t{64} << 30;  // address space, not disk
constexpr unsigned kMode = 0644;

void check(int result, std::string_view call) {
  if (result != MDB_SUCCESS) fail(fmt::format("{}: {}", call, ::mdb_strerror(result)));
}

MDB_val value_of(std::string_view bytes) {
  return {.mv_size = bytes.size(), .mv_data = const_cast<char*>(bytes.data())};
}

MDB_val value_of(std::uint64_t& number) {
  return {.mv_size = sizeof number, .mv_data = &number};
}

std::string_view bytes_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

std::uint64_t number_of(const MDB_val& value) {
  return load_le<std::uint64_t>(value.mv_data);
}

// The environment and its databases.
struct Databases {
  MDB_env* environment = nullptr;
  MDB_dbi events = 0;         // position -> event
  MDB_dbi stream_events = 0;  // stream, version -> position
  MDB_dbi heads = 0;          // stream -> version

  // The version of a stream; 0 where there is none.
  std::uint64_t stream_version(MDB_txn* transaction, std::string_view stream) const {
    auto key = value_of(stream);
    MDB_val found{};
    const int result = ::mdb_get(transaction, heads, &key, &found);
    if (result == MDB_NOTFOUND) return 0;
    check(result, "mdb_get");
    return number_of(found);
  }
};

// A transaction for reading that is renewed for each read, as LMDB advises.
class LmdbReader : public Reader {
 public:
  explicit LmdbReader(const Databases& databases) : databases_(databases) {
    check(::mdb_txn_begin(databases_.environment, nullptr, MDB_RDONLY, &transaction_),
          "mdb_txn_begin");
    check(::mdb_cursor_open(transaction_, databases_.stream_events, &stream_events_),
          "mdb_cursor_open");
    check(::mdb_cursor_open(transaction_, databases_.events, &events_), "mdb_cursor_open");
    ::mdb_txn_reset(transaction_);
  }

  ~LmdbReader() override {
    ::mdb_cursor_close(stream_events_);
    ::mdb_cursor_close(events_);
    ::mdb_txn_abort(transaction_);
  }
  LmdbReader(const LmdbReader&) = delete;
  LmdbReader& operator=(const LmdbReader&) = delete;

  std::uint64_t stream_version(std::string_view stream) override {
    renew();
    const auto version = databases_.stream_version(transaction_, stream);
    ::mdb_txn_reset(transaction_);
    return version;
  }

  void read_stream(std::string_view stream, const Visitor& visit) override {
    renew();
    check(::mdb_cursor_renew(transaction_, stream_events_), "mdb_cursor_renew");
    check(::mdb_cursor_renew(transaction_, events_), "mdb_cursor_renew");
    const auto prefix = stream_prefix(stream);
    auto key = value_of(prefix);
    MDB_val position{};
    int result = ::mdb_cursor_get(stream_events_, &key, &position, MDB_SET_RANGE);
    while (result == MDB_SUCCESS && bytes_of(key).starts_with(prefix)) {
      auto number = number_of(position);
      auto event_key = value_of(number);
      MDB_val event{};
      check(::mdb_cursor_get(events_, &event_key, &event, MDB_SET), "mdb_cursor_get");
      visit(decode_stored_event(number, bytes_of(event)));
      result = ::mdb_cursor_get(stream_events_, &key, &position, MDB_NEXT);
    }
    if (result != MDB_NOTFOUND) check(result, "mdb_cursor_get");
    ::mdb_txn_reset(transaction_);
  }

  void read_all(const Visitor& visit) override {
    renew();
    check(::mdb_cursor_renew(transaction_, events_), "mdb_cursor_renew");
    MDB_val key{};
    MDB_val event{};
    int result = ::mdb_cursor_get(events_, &key, &event, MDB_FIRST);
    for (; result == MDB_SUCCESS; result = ::mdb_cursor_get(events_, &key, &event, MDB_NEXT)) {
      visit(decode_stored_event(number_of(key), bytes_of(event)));
    }
    if (result != MDB_NOTFOUND) check(result, "mdb_cursor_get");
    ::mdb_txn_reset(transaction_);
  }

 private:
  void renew() { check(::mdb_txn_renew(transaction_), "mdb_txn_renew"); }

  const Databases& databases_;
  MDB_txn* transaction_ = nullptr;
  MDB_cursor* stream_events_ = nullptr;
  MDB_cursor* events_ = nullptr;
};

// Every commit is synced, as LMDB does by default. LMDB lets one thread write at a time.
class LmdbStore : public Store {
 public:
  explicit LmdbStore(const std::filesystem::path& folder) {
    check(::mdb_env_create(&databases_.environment), "mdb_env_create");
    check(::mdb_env_set_maxdbs(databases_.environment, 3), "mdb_env_set_maxdbs");
    check(::mdb_env_set_mapsize(databases_.environment, kMapBytesMax), "mdb_env_set_mapsize");
    check(::mdb_env_open(databases_.environment, folder.c_str(), MDB_NOTLS, kMode), "mdb_env_open");
    auto* const transaction = begin();
    const auto open = [transaction](const char* name, unsigned flags, MDB_dbi& database) {
      check(::mdb_dbi_open(transaction, name, MDB_CREATE | flags, &database), "mdb_dbi_open");
    };
    open("events", MDB_INTEGERKEY, databases_.events);
    open("stream_events", 0, databases_.stream_events);
    open("heads", 0, databases_.heads);
    last_position_ = find_last_position(transaction);
    check(::mdb_txn_commit(transaction), "mdb_txn_commit");
  }

  ~LmdbStore() override { ::mdb_env_close(databases_.environment); }
  LmdbStore(const LmdbStore&) = delete;
  LmdbStore& operator=(const LmdbStore&) = delete;

  bool append(AppendRequest& request) override {
    const std::lock_guard lock(mutex_);
    auto* const transaction = begin();
    const auto count = put(transaction, request, last_position_);
    if (!count) {
      ::mdb_txn_abort(transaction);
      return false;
    }
    check(::mdb_txn_commit(transaction), "mdb_txn_commit");
    last_position_ += *count;
    return true;
  }

  void append_bulk(std::span<AppendRequest> requests) override {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < requests.size();) {
      auto* const transaction = begin();
      std::uint64_t count = 0;
      for (; i < requests.size() && count < kEventsPerBulkCommit; ++i) {
        const auto put_now = put(transaction, requests[i], last_position_ + count);
        if (!put_now) fail("a bulk request expects another version");
        count += *put_now;
      }
      check(::mdb_txn_commit(transaction), "mdb_txn_commit");
      last_position_ += count;
    }
  }

  std::unique_ptr<Reader> reader() override { return std::make_unique<LmdbReader>(databases_); }

 private:
  MDB_txn* begin() const {
    MDB_txn* transaction = nullptr;
    check(::mdb_txn_begin(databases_.environment, nullptr, 0, &transaction), "mdb_txn_begin");
    return transaction;
  }

  std::uint64_t find_last_position(MDB_txn* transaction) const {
    MDB_cursor* cursor = nullptr;
    check(::mdb_cursor_open(transaction, databases_.events, &cursor), "mdb_cursor_open");
    MDB_val key{};
    MDB_val event{};
    const int result = ::mdb_cursor_get(cursor, &key, &event, MDB_LAST);
    const auto last = result == MDB_SUCCESS ? number_of(key) : 0;
    ::mdb_cursor_close(cursor);
    return last;
  }

  // Puts a request's events behind `last`. Returns how many; absent where a check does not hold.
  std::optional<std::uint64_t> put(MDB_txn* transaction, const AppendRequest& request,
                                   std::uint64_t last) {
    const auto versions = decide_versions(request, [this, transaction](std::string_view stream) {
      return databases_.stream_version(transaction, stream);
    });
    if (!versions) return std::nullopt;
    for (std::size_t i = 0; i < request.events.size(); ++i) {
      put_event(transaction, request.events[i], last + i + 1, versions->of_events[i]);
    }
    for (auto [stream, version] : versions->of_streams) {
      auto key = value_of(stream);
      auto value = value_of(version);
      check(::mdb_put(transaction, databases_.heads, &key, &value, 0), "mdb_put");
    }
    return request.events.size();
  }

  void put_event(MDB_txn* transaction, const NewEvent& event, std::uint64_t position,
                 std::uint64_t version) {
    encode_stored_event(event, version, buffer_);
    auto position_value = value_of(position);
    auto value = value_of(buffer_);
    check(::mdb_put(transaction, databases_.events, &position_value, &value, MDB_APPEND),
          "mdb_put");
    key_ = stream_prefix(event.stream);
    append_key_number(version, key_);
    auto key = value_of(key_);
    check(::mdb_put(transaction, databases_.stream_events, &key, &position_value, 0), "mdb_put");
  }

  Databases databases_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::uint64_t last_position_ = 0;
  std::string buffer_;
  std::string key_;
};

}  // namespace

std::unique_ptr<Store> open_lmdb_store(const std::filesystem::path& folder) {
  return std::make_unique<LmdbStore>(folder);
}

}  // namespace eventstore::bench
