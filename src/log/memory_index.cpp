#include "log/memory_index.hpp"

#include <algorithm>

#include "eventstore/event.hpp"

namespace eventstore::log {
namespace {

constexpr std::size_t kTableSizeMin = 1024;

std::size_t slot_of(std::uint64_t hash, std::size_t table_size) {
  return static_cast<std::size_t>(hash) & (table_size - 1);
}

void put_in_table(std::vector<std::uint32_t>& table, std::uint64_t hash, std::uint32_t value) {
  auto slot = slot_of(hash, table.size());
  while (table[slot] != 0) slot = slot_of(slot + 1, table.size());
  table[slot] = value;
}

// Keeps the table at most half full. `entries` have a `hash`.
template <typename Entries>
void grow_table(std::vector<std::uint32_t>& table, const Entries& entries) {
  if (entries.size() * 2 < table.size()) return;
  table.assign(std::max(kTableSizeMin, table.size() * 2), 0);
  std::uint32_t ordinal = 0;
  for (const auto& entry : entries) put_in_table(table, entry.hash, ++ordinal);
}

// Takes the entry added last out of the table. Later entries of its probe chain do not exist, so
// the slot can simply be freed.
void drop_from_table(std::vector<std::uint32_t>& table, std::uint64_t hash, std::uint32_t value) {
  auto slot = slot_of(hash, table.size());
  while (table[slot] != value) slot = slot_of(slot + 1, table.size());
  table[slot] = 0;
}

}  // namespace

void MemoryIndex::skip_to(Posting posting) {
  const WriterLock lock(mutex_);
  if (posting > offsets_.size()) offsets_.resize(posting, 0);
}

Posting MemoryIndex::size() const {
  const ReaderLock lock(mutex_);
  return static_cast<Posting>(offsets_.size());
}

std::uint64_t MemoryIndex::memory_bytes() const {
  const ReaderLock lock(mutex_);
  return key_bytes_ + keys_.size() * sizeof(KeyData) + ids_.size() * sizeof(IdData) +
         (key_table_.size() + id_table_.size() + offsets_.size()) * sizeof(std::uint32_t);
}

Posting MemoryIndex::add_locked(const Event& event) {
  const auto posting = static_cast<Posting>(offsets_.size());
  offsets_.push_back(static_cast<std::uint32_t>(event.offset / 8));

  auto& stream = key_data(KeyKind::Stream, event.stream);
  const bool has_live = !stream.postings.empty() && stream.first_version <= stream.last_version;
  if (!has_live) stream.first_version = event.version;
  if (event.husk) stream.first_version = {event.version.value + 1};
  stream.last_version = event.version;
  stream.postings.push_back(posting);
  key_bytes_ += sizeof(Posting) * (3 + event.tags.size());
  add_id(event.id_hash, posting);
  if (event.husk) return posting;

  add_posting(KeyKind::Category, category_of(event.stream), posting);
  add_posting(KeyKind::Type, event.type, posting);
  for (const auto tag : event.tags) add_posting(KeyKind::Tag, tag, posting);
  if (!event.bounds_of.empty()) {
    add_posting(KeyKind::Bounds, event.bounds_of, posting);
    bounds_.fetch_add(1, std::memory_order_release);
  }
  return posting;
}

void MemoryIndex::add_posting(KeyKind kind, std::string_view text, Posting posting) {
  auto& postings = key_data(kind, text).postings;
  // A tag that an event carries twice counts once.
  if (postings.empty() || postings.back() != posting) postings.push_back(posting);
}

MemoryIndex::KeyData& MemoryIndex::key_data(KeyKind kind, std::string_view text) {
  const Key key{.kind = kind, .text = text, .hash = hash_key(kind, text, secret_)};
  if (const auto found = find_locked(key)) return keys_[*found];
  auto& added = keys_.emplace_back();
  added.hash = key.hash;
  added.kind = kind;
  added.text = text;
  // What is reserved at first for a list, and by the allocator for each of the two.
  constexpr std::uint64_t kAllocatedBytes = 64;
  key_bytes_ += kAllocatedBytes + text.size();
  const auto size_before = key_table_.size();
  grow_table(key_table_, keys_);
  if (key_table_.size() == size_before) {
    put_in_table(key_table_, key.hash, static_cast<std::uint32_t>(keys_.size()));
  }
  return added;
}

void MemoryIndex::add_id(std::uint64_t hash, Posting posting) {
  ids_.push_back({.hash = hash, .posting = posting});
  const auto size_before = id_table_.size();
  grow_table(id_table_, ids_);
  if (id_table_.size() == size_before) {
    put_in_table(id_table_, hash, static_cast<std::uint32_t>(ids_.size()));
  }
}

void MemoryIndex::roll_back(Posting posting) {
  const WriterLock lock(mutex_);
  while (!ids_.empty() && ids_.back().posting >= posting) {
    drop_from_table(id_table_, ids_.back().hash, static_cast<std::uint32_t>(ids_.size()));
    ids_.pop_back();
  }
  for (auto& key : keys_) {
    while (!key.postings.empty() && key.postings.back() >= posting) {
      key.postings.pop_back();
      // What is taken out was appended, one version after another.
      if (key.kind == KeyKind::Stream) key.last_version = {key.last_version.value - 1};
      if (key.kind == KeyKind::Bounds) bounds_.fetch_sub(1, std::memory_order_release);
    }
  }
  // Keys stay, with an empty list: a reader may hold one.
  offsets_.resize(posting);
}

PostingFileContents MemoryIndex::contents(const RunIdentity& identity) const {
  const ReaderLock lock(mutex_);
  PostingFileContents contents{.identity = identity, .offsets = offsets_, .keys = {}, .ids = {}};
  contents.keys.reserve(keys_.size());
  for (const auto& key : keys_) {
    if (key.postings.empty()) continue;
    contents.keys.push_back({.key = {.kind = key.kind, .text = key.text, .hash = key.hash},
                             .first_version = key.first_version,
                             .last_version = key.last_version,
                             .postings = key.postings});
  }
  contents.ids.reserve(ids_.size());
  for (const auto& id : ids_) contents.ids.push_back({.hash = id.hash, .posting = id.posting});
  return contents;
}

std::optional<std::uint32_t> MemoryIndex::find_locked(const Key& key) const {
  if (key_table_.empty()) return std::nullopt;
  auto slot = slot_of(key.hash, key_table_.size());
  for (; key_table_[slot] != 0; slot = slot_of(slot + 1, key_table_.size())) {
    const auto ordinal = key_table_[slot] - 1;
    const auto& candidate = keys_[ordinal];
    if (candidate.hash == key.hash && candidate.kind == key.kind && candidate.text == key.text) {
      return ordinal;
    }
  }
  return std::nullopt;
}

KeyEntry MemoryIndex::entry_of(std::uint32_t ordinal) const {
  const auto& key = keys_[ordinal];
  return {.postings = static_cast<std::uint32_t>(key.postings.size()),
          .first_version = key.first_version,
          .last_version = key.last_version,
          .list = ordinal};
}

Result<std::optional<KeyEntry>> MemoryIndex::find(const Key& key) const {
  const ReaderLock lock(mutex_);
  const auto ordinal = find_locked(key);
  if (!ordinal || keys_[*ordinal].postings.empty()) return std::nullopt;
  return entry_of(*ordinal);
}

Result<std::size_t> MemoryIndex::fetch(const KeyEntry& entry, Posting from, Direction direction,
                                       std::span<Posting> out) const {
  const ReaderLock lock(mutex_);
  const auto& postings = keys_[entry.list].postings;
  if (direction == Direction::Forwards) {
    const auto first = std::ranges::lower_bound(postings, from);
    const auto count =
        std::min<std::size_t>(out.size(), static_cast<std::size_t>(postings.end() - first));
    std::copy_n(first, count, out.begin());
    return count;
  }
  const auto end = std::ranges::upper_bound(postings, from);
  const auto count =
      std::min<std::size_t>(out.size(), static_cast<std::size_t>(end - postings.begin()));
  std::reverse_copy(end - static_cast<std::ptrdiff_t>(count), end, out.begin());
  return count;
}

Result<std::vector<Posting>> MemoryIndex::find_id(std::uint64_t id_hash) const {
  std::vector<Posting> found;
  const ReaderLock lock(mutex_);
  if (id_table_.empty()) return found;
  auto slot = slot_of(id_hash, id_table_.size());
  for (; id_table_[slot] != 0; slot = slot_of(slot + 1, id_table_.size())) {
    const auto& id = ids_[id_table_[slot] - 1];
    if (id.hash == id_hash) found.push_back(id.posting);
  }
  return found;
}

Result<void> MemoryIndex::offsets_of(std::span<const Posting> postings,
                                     std::span<std::uint64_t> offsets) const {
  const ReaderLock lock(mutex_);
  std::ranges::transform(
      postings, offsets.begin(), [this](Posting posting) REQUIRES_SHARED(mutex_) {
        return posting < offsets_.size() ? std::uint64_t{offsets_[posting]} * 8 : 0;
      });
  return {};
}

Result<void> MemoryIndex::list_keys(KeyKind kind, std::string_view prefix, std::string_view after,
                                    const KeyVisitor& visit) const {
  struct Listed {
    std::string text;
    KeyEntry entry;
  };
  std::vector<Listed> listed;
  {
    const ReaderLock lock(mutex_);
    for (std::uint32_t ordinal = 0; ordinal < keys_.size(); ++ordinal) {
      const auto& key = keys_[ordinal];
      if (key.kind != kind || key.postings.empty() || key.text <= after ||
          !key.text.starts_with(prefix)) {
        continue;
      }
      listed.push_back({.text = key.text, .entry = entry_of(ordinal)});
    }
  }
  std::ranges::sort(listed, {}, &Listed::text);
  for (const auto& key : listed) {
    if (!visit(key.text, key.entry)) break;
  }
  return {};
}

std::uint64_t MemoryIndex::events() const {
  const ReaderLock lock(mutex_);
  return ids_.size();
}

}  // namespace eventstore::log
