#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "eventstore/document.hpp"
#include "eventstore/state.hpp"

namespace eventstore::projection {

// Whose documents a worker has: those of the buckets that are `worker` modulo `workers`.
struct Share {
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;

  bool has(std::uint32_t bucket) const { return bucket % workers == worker; }
};

// The documents of one worker of a generation: read once, changed in memory, written once a
// transaction.
//
// Threads: one at a time.
class DocumentCache {
 public:
  // Keeps about `bytes_max` bytes.
  DocumentCache(std::int64_t generation, Share share, std::size_t bytes_max);

  // Reads all there are, where these are few; then none has to be looked for afterwards.
  Result<void> load(StateTransaction& transaction);
  // There are none in the table: nothing has to be looked for.
  void assume_none_stored() { is_complete_ = true; }

  // In memory. Null: it is not.
  Document* find(std::string_view key);
  // One that find() did not find, where that is known not to be stored either. Null: it has to be
  // fetched.
  Document* add_if_none_is_stored(std::string_view key);
  // Reads one that is not in memory. Fails with InvalidArgument where it is of another worker's
  // partition, and as StateTransaction::run().
  Result<Document*> fetch(StateTransaction& transaction, std::string_view key);

  // `document` is of this cache, and is to be written. It is in this bucket from then on.
  void mark_changed(Document& document, std::uint32_t bucket);
  bool has_changes() const { return !changed_.empty(); }

  // Writes what has changed. Fails with InvalidArgument where a document is of another worker's
  // partition too, and as StateTransaction::run(). Pointers are invalid afterwards.
  Result<void> flush(StateTransaction& transaction);
  // What flush() wrote is committed.
  void committed();
  // Everything is as it was at the last commit.
  void revert();

 private:
  struct Entry final : Document {
    using Document::Document;
    std::uint32_t bucket = 0;
    const std::string* key = nullptr;  // the map's
    bool is_listed = false;            // in changed_
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const;
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  Entry& add(std::string_view key, std::optional<std::string> stored, std::uint32_t bucket);
  Result<void> write(StateTransaction& transaction, std::span<Entry* const> entries);
  Result<void> erase(StateTransaction& transaction, std::span<Entry* const> entries);

  const std::string table_;
  const Share share_;
  const std::size_t bytes_max_;
  Entries entries_;
  bool is_complete_ = false;  // what is not in memory is not stored
  std::size_t bytes_ = 0;
  std::vector<Entry*> changed_;
  std::vector<std::optional<std::string>> texts_;  // what flush() has written of changed_
};

}  // namespace eventstore::projection
