#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/thread_annotations.hpp"
#include "log/posting_file.hpp"
#include "log/run_index.hpp"

namespace eventstore::log {

// The index of the newest run, or of one that has no posting file yet.
//
// The writer adds the events of a group before the group is durable, so that each member of the
// group sees the ones before it; roll_back() takes them out again when the group fails. Readers
// therefore bound what they ask for by the last visible posting.
//
// Threads: one writer and many readers. The lock is held for memory work alone, never during I/O.
class MemoryIndex final : public RunIndex {
 public:
  explicit MemoryIndex(std::uint64_t secret) : secret_(secret) {}

  // What the writer knows of an event. Borrowed for the call.
  struct Event {
    std::string_view stream;
    std::string_view type;
    TagsView tags;
    StreamVersion version;
    std::uint64_t id_hash = 0;
    std::uint64_t offset = 0;         // in the segment file
    std::string_view bounds_of = {};  // the stream whose bounds it states; empty: it states none
    bool husk = false;                // found by its stream and its id alone
  };

  // Adds events, all of a group under one lock: it holds the mutex for as long as it lives.
  class SCOPED_CAPABILITY Batch {
   public:
    explicit Batch(MemoryIndex& index) ACQUIRE(index.mutex_) : index_(index) {
      index_.mutex_.lock();
    }
    ~Batch() RELEASE() { index_.mutex_.unlock(); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    // Adds the next event: its posting is the number of postings so far. Not analysed: Clang does
    // not know here that the mutex is held.
    Posting add(const Event& event) NO_THREAD_SAFETY_ANALYSIS { return index_.add_locked(event); }

   private:
    MemoryIndex& index_;
  };

  // For recovery, where positions may leave holes: the next event added gets this posting.
  void skip_to(Posting posting);

  // The number of postings, holes included.
  Posting size() const;

  // About how much memory it takes.
  std::uint64_t memory_bytes() const;

  // Takes out every event from `posting` on.
  void roll_back(Posting posting);

  // What a posting file of this run holds. Borrows this index, which must not change meanwhile.
  PostingFileContents contents(const RunIdentity& identity) const;

  Result<std::optional<KeyEntry>> find(const Key& key) const override;
  Result<std::size_t> fetch(const KeyEntry& entry, Posting from, Direction direction,
                            std::span<Posting> out) const override;
  Result<std::vector<Posting>> find_id(std::uint64_t id_hash) const override;
  Result<void> offsets_of(std::span<const Posting> postings,
                          std::span<std::uint64_t> offsets) const override;
  Result<void> list_keys(KeyKind kind, std::string_view prefix, std::string_view after,
                         const KeyVisitor& visit) const override;
  std::uint64_t events() const override;
  bool has_bounds() const override { return bounds_.load(std::memory_order_acquire) != 0; }

 private:
  struct KeyData {
    std::uint64_t hash = 0;
    KeyKind kind = KeyKind::Stream;
    std::string text;
    StreamVersion first_version;
    StreamVersion last_version;
    std::vector<Posting> postings;
  };
  struct IdData {
    std::uint64_t hash;
    Posting posting;
  };

  Posting add_locked(const Event& event) REQUIRES(mutex_);
  KeyData& key_data(KeyKind kind, std::string_view text) REQUIRES(mutex_);
  void add_posting(KeyKind kind, std::string_view text, Posting posting) REQUIRES(mutex_);
  void add_id(std::uint64_t hash, Posting posting) REQUIRES(mutex_);
  KeyEntry entry_of(std::uint32_t ordinal) const REQUIRES_SHARED(mutex_);
  // The ordinal of a key in keys_.
  std::optional<std::uint32_t> find_locked(const Key& key) const REQUIRES_SHARED(mutex_);

  const std::uint64_t secret_;
  mutable SharedMutex mutex_;
  // The tables hold ordinals + 1 of keys_ and ids_, 0 for a free slot; their sizes are powers of
  // two; collisions go to the next slot.
  std::deque<KeyData> keys_ GUARDED_BY(mutex_);
  std::vector<std::uint32_t> key_table_ GUARDED_BY(mutex_);
  std::vector<IdData> ids_ GUARDED_BY(mutex_);
  std::vector<std::uint32_t> id_table_ GUARDED_BY(mutex_);
  // By posting, in units of 8 bytes; 0: a hole.
  std::vector<std::uint32_t> offsets_ GUARDED_BY(mutex_);
  std::uint64_t key_bytes_ GUARDED_BY(mutex_) = 0;  // of the texts and posting lists of keys_
  // Postings of keys of kind Bounds. Released by the writer, acquired in has_bounds().
  std::atomic<std::uint64_t> bounds_ = 0;
};

}  // namespace eventstore::log
