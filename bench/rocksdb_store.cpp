#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "candidate.hpp"
#include "harness.hpp"
#include "stored_event.hpp"

namespace eventstore::bench {
namespace {

constexpr std::size_t kBlockCacheBytes = std::size_t{1} << 30;
constexpr double kFilterBitsPerKey = 10;
constexpr std::size_t kStripes = 1024;

void check(const rocksdb::Status& status, std::string_view call) {
  if (!status.ok()) fail(fmt::format("{}: {}", call, status.ToString()));
}

std::string number_key(std::uint64_t number) {
  std::string key;
  append_key_number(number, key);
  return key;
}

std::string_view view_of(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// Gives out positions, and moves the head over those that are written: a reader that stops at the
// head never sees a position before one that is less.
class Positions {
 public:
  void start_at(std::uint64_t last) {
    next_ = last + 1;
    head_.store(last, std::memory_order_relaxed);
  }

  std::uint64_t take(std::size_t count) {
    const std::lock_guard lock(mutex_);
    const auto first = next_;
    next_ += count;
    under_way_.insert(first);
    return first;
  }

  void finish(std::uint64_t first) {
    const std::lock_guard lock(mutex_);
    under_way_.erase(first);
    // Pairs with head().
    head_.store((under_way_.empty() ? next_ : *under_way_.begin()) - 1, std::memory_order_release);
  }

  std::uint64_t head() const { return head_.load(std::memory_order_acquire); }

 private:
  std::mutex mutex_;
  // Guarded by mutex_:
  std::uint64_t next_ = 1;
  std::set<std::uint64_t> under_way_;

  std::atomic<std::uint64_t> head_ = 0;
};

struct Families {
  rocksdb::ColumnFamilyHandle* events = nullptr;         // position -> event
  rocksdb::ColumnFamilyHandle* stream_events = nullptr;  // stream, version -> position
  rocksdb::ColumnFamilyHandle* heads = nullptr;          // stream -> version
};

std::uint64_t find_stream_version(rocksdb::DB& database, const Families& families,
                                  std::string_view stream) {
  rocksdb::PinnableSlice value;
  const auto status =
      database.Get({}, families.heads, rocksdb::Slice(stream.data(), stream.size()), &value);
  if (status.IsNotFound()) return 0;
  check(status, "Get");
  return key_number(view_of(value));
}

class RocksDbReader : public Reader {
 public:
  RocksDbReader(rocksdb::DB& database, const Families& families, const Positions& positions)
      : database_(database), families_(families), positions_(positions) {}

  std::uint64_t stream_version(std::string_view stream) override {
    return find_stream_version(database_, families_, stream);
  }

  void read_stream(std::string_view stream, const Visitor& visit) override {
    const auto keys = keys_of_stream(stream);
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> states(keys.size());
    database_.MultiGet({}, families_.events, keys.size(), slices.data(), values.data(),
                       states.data(), true);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      check(states[i], "MultiGet");
      visit(decode_stored_event(key_number(keys[i]), view_of(values[i])));
    }
  }

  void read_all(const Visitor& visit) override {
    const auto head = positions_.head();
    const std::unique_ptr<rocksdb::Iterator> at(database_.NewIterator({}, families_.events));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      const auto position = key_number(view_of(at->key()));
      if (position > head) break;
      visit(decode_stored_event(position, view_of(at->value())));
    }
    check(at->status(), "Iterator");
  }

 private:
  // The keys of a stream's events, in order: positions rise with versions.
  std::vector<std::string> keys_of_stream(std::string_view stream) {
    const auto prefix = stream_prefix(stream);
    const auto head = positions_.head();
    std::vector<std::string> keys;
    const std::unique_ptr<rocksdb::Iterator> at(database_.NewIterator({}, families_.stream_events));
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      if (key_number(view_of(at->value())) > head) break;
      keys.push_back(at->value().ToString());
    }
    check(at->status(), "Iterator");
    return keys;
  }

  rocksdb::DB& database_;
  const Families& families_;
  const Positions& positions_;
};

// Threads write at once, and RocksDB commits them in groups. A lock for each stream (or for those
// that share its stripe) keeps its version from changing between check and write.
class RocksDbStore : public Store {
 public:
  explicit RocksDbStore(const std::filesystem::path& folder) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    const auto family = family_options();
    const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
        {rocksdb::kDefaultColumnFamilyName, family}, {"stream_events", family}, {"heads", family}};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* database = nullptr;
    check(rocksdb::DB::Open(options, folder.string(), descriptors, &handles, &database), "Open");
    database_.reset(database);
    families_ = {.events = handles[0], .stream_events = handles[1], .heads = handles[2]};

    const std::unique_ptr<rocksdb::Iterator> last(database_->NewIterator({}, families_.events));
    last->SeekToLast();
    positions_.start_at(last->Valid() ? key_number(view_of(last->key())) : 0);
  }

  ~RocksDbStore() override {
    for (auto* const family : {families_.events, families_.stream_events, families_.heads}) {
      check(database_->DestroyColumnFamilyHandle(family), "DestroyColumnFamilyHandle");
    }
    check(database_->Close(), "Close");
  }
  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;

  bool append(AppendRequest& request) override { return write({&request, 1}); }

  void append_bulk(std::span<AppendRequest> requests) override {
    while (!requests.empty()) {
      std::size_t taken = 0;
      for (std::size_t count = 0; taken < requests.size() && count < kEventsPerBulkCommit;) {
        count += requests[taken++].events.size();
      }
      if (!write(requests.first(taken))) fail("a bulk request expects another version");
      requests = requests.subspan(taken);
    }
  }

  std::unique_ptr<Reader> reader() override {
    return std::make_unique<RocksDbReader>(*database_, families_, positions_);
  }

 private:
  static rocksdb::ColumnFamilyOptions family_options() {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBitsPerKey));
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.compression = rocksdb::kNoCompression;  // nobody else compresses either
    return options;
  }

  // Writes the requests in one batch; false where a check of one of them does not hold.
  bool write(std::span<const AppendRequest> requests) {
    const auto locks = lock_streams(requests);
    std::unordered_map<std::string_view, std::uint64_t> changed;
    std::vector<Versions> versions;
    std::size_t count = 0;
    for (const auto& request : requests) {
      auto decided = decide_versions(request, [&](std::string_view stream) {
        const auto found = changed.find(stream);
        return found != changed.end() ? found->second
                                      : find_stream_version(*database_, families_, stream);
      });
      if (!decided) return false;
      if (requests.size() > 1) {
        for (const auto& [stream, version] : decided->of_streams) changed[stream] = version;
      }
      versions.push_back(*std::move(decided));
      count += request.events.size();
    }

    rocksdb::WriteBatch batch;
    const auto first = positions_.take(count);
    for (std::size_t i = 0, position = first; i < requests.size(); ++i) {
      add_events(batch, requests[i], position, versions[i].of_events);
      add_heads(batch, versions[i]);
      position += requests[i].events.size();
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    check(database_->Write(options, &batch), "Write");
    positions_.finish(first);
    return true;
  }

  std::vector<std::unique_lock<std::mutex>> lock_streams(std::span<const AppendRequest> requests) {
    std::vector<std::size_t> stripes;
    const auto add = [&stripes](const std::string& stream) {
      stripes.push_back(std::hash<std::string>{}(stream) % kStripes);
    };
    for (const auto& request : requests) {
      for (const auto& check : request.checks) add(check.stream);
      for (const auto& event : request.events) add(event.stream);
    }
    std::ranges::sort(stripes);
    const auto repeated = std::ranges::unique(stripes);
    stripes.erase(repeated.begin(), repeated.end());
    std::vector<std::unique_lock<std::mutex>> locks;
    locks.reserve(stripes.size());
    for (const auto stripe : stripes) locks.emplace_back(stripes_[stripe]);
    return locks;
  }

  void add_events(rocksdb::WriteBatch& batch, const AppendRequest& request, std::uint64_t first,
                  const std::vector<std::uint64_t>& versions) const {
    std::string value;
    for (std::size_t i = 0; i < request.events.size(); ++i) {
      const auto position = number_key(first + i);
      encode_stored_event(request.events[i], versions[i], value);
      check(batch.Put(families_.events, position, value), "Put");
      auto key = stream_prefix(request.events[i].stream);
      append_key_number(versions[i], key);
      check(batch.Put(families_.stream_events, key, position), "Put");
    }
  }

  void add_heads(rocksdb::WriteBatch& batch, const Versions& versions) const {
    for (const auto& [stream, version] : versions.of_streams) {
      check(batch.Put(families_.heads, rocksdb::Slice(stream.data(), stream.size()),
                      number_key(version)),
            "Put");
    }
  }

  std::unique_ptr<rocksdb::DB> database_;
  Families families_;
  Positions positions_;
  std::array<std::mutex, kStripes> stripes_;
};

}  // namespace

std::unique_ptr<Store> open_rocksdb_store(const std::filesystem::path& folder) {
  return std::make_unique<RocksDbStore>(folder);
}

}  // namespace eventstore::bench
