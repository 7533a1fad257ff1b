#include "projection/document_cache.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <xxhash.h>

#include "core/check.hpp"
#include "projection/generation_tables.hpp"

namespace eventstore::projection {
namespace {

// So many are read when a worker begins, page by page.
constexpr std::size_t kLoadedMax = 200'000;
constexpr std::int64_t kPageRows = 1000;
// Rows in one statement. Fewer are written by statements of half as many, and so on, so that there
// are few to prepare.
constexpr std::size_t kRowsMax = 256;
// What an entry takes beside its texts, about.
constexpr std::size_t kEntryBytes = 200;

std::string upsert(const std::string& table, std::size_t rows) {
  auto sql = "INSERT INTO " + table + " (key, bucket, document) VALUES ";
  for (std::size_t row = 0; row < rows; ++row) {
    const auto parameter = [&](std::size_t column) {
      return '$' + std::to_string(3 * row + column);
    };
    if (row > 0) sql += ", ";
    sql += '(' + parameter(1) + ", " + parameter(2) + ", " + parameter(3) + ')';
  }
  sql += " ON CONFLICT (key) DO UPDATE SET bucket = excluded.bucket, document = excluded.document";
  return sql;
}

Error of_two_partitions(std::string_view key) {
  return {.code = ErrorCode::InvalidArgument,
          .message = "the document " + std::string(key) +
                     " is of another partition: with several workers, all events that a document"
                     " depends on have the same partition_key()"};
}

}  // namespace

std::size_t DocumentCache::Hash::operator()(std::string_view key) const {
  return XXH3_64bits(key.data(), key.size());
}

DocumentCache::DocumentCache(std::int64_t generation, Share share, std::size_t bytes_max)
    : table_(documents_table(generation)), share_(share), bytes_max_(bytes_max) {}

Result<void> DocumentCache::load(StateTransaction& transaction) {
  const auto sql = "SELECT key, bucket, document FROM " + table_ +
                   " WHERE key > $1 AND bucket % $2 = $3 ORDER BY key LIMIT $4";
  for (std::string after;;) {
    const auto rows = transaction.run(
        sql, {after, std::int64_t{share_.workers}, std::int64_t{share_.worker}, kPageRows});
    if (!rows) return std::unexpected(rows.error());
    for (std::size_t row = 0; row < rows->size(); ++row) {
      after = rows->text(row, 0);
      add(after, std::string(rows->text(row, 2)),
          static_cast<std::uint32_t>(rows->integer(row, 1)));
    }
    is_complete_ = std::cmp_less(rows->size(), kPageRows);
    if (is_complete_ || entries_.size() >= kLoadedMax || bytes_ >= bytes_max_) return {};
  }
}

Document* DocumentCache::find(std::string_view key) {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

Document* DocumentCache::add_if_none_is_stored(std::string_view key) {
  return is_complete_ ? &add(key, std::nullopt, 0) : nullptr;
}

Result<Document*> DocumentCache::fetch(StateTransaction& transaction, std::string_view key) {
  const auto rows =
      transaction.run("SELECT bucket, document FROM " + table_ + " WHERE key = $1", {key});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return &add(key, std::nullopt, 0);
  const auto bucket = static_cast<std::uint32_t>(rows->integer(0, 0));
  if (!share_.has(bucket)) return std::unexpected(of_two_partitions(key));
  return &add(key, std::string(rows->text(0, 1)), bucket);
}

DocumentCache::Entry& DocumentCache::add(std::string_view key, std::optional<std::string> stored,
                                         std::uint32_t bucket) {
  bytes_ += key.size() + (stored ? stored->size() : 0) + kEntryBytes;
  const auto added = entries_.try_emplace(std::string(key), std::move(stored)).first;
  added->second.bucket = bucket;
  added->second.key = &added->first;
  return added->second;
}

void DocumentCache::mark_changed(Document& document, std::uint32_t bucket) {
  auto& entry = static_cast<Entry&>(document);
  entry.mark_changed();
  entry.bucket = bucket;
  if (entry.is_listed) return;
  entry.is_listed = true;
  changed_.push_back(&entry);
}

Result<void> DocumentCache::flush(StateTransaction& transaction) {
  // Those that are written come first.
  const auto erased =
      std::ranges::partition(changed_, [](const Entry* entry) { return entry->is_there(); });
  const auto written = changed_.size() - erased.size();
  texts_.clear();
  for (const auto* entry : changed_) texts_.push_back(entry->encode());

  const std::span entries(changed_);
  for (std::size_t at = 0; at < written;) {
    const auto count = std::min(kRowsMax, std::bit_floor(written - at));
    if (auto done = write(transaction, entries.subspan(at, count)); !done) return done;
    at += count;
  }
  return erase(transaction, entries.subspan(written));
}

Result<void> DocumentCache::write(StateTransaction& transaction, std::span<Entry* const> entries) {
  const auto first = static_cast<std::size_t>(entries.data() - changed_.data());
  std::vector<SqlParameter> parameters;
  parameters.reserve(entries.size() * 3 + 2);
  for (std::size_t row = 0; row < entries.size(); ++row) {
    parameters.emplace_back(*entries[row]->key);
    parameters.emplace_back(std::int64_t{entries[row]->bucket});
    parameters.emplace_back(*texts_[first + row]);
  }
  auto sql = upsert(table_, entries.size());
  if (share_.workers > 1) {
    // What another worker has written is left as it is, and told by the count.
    const auto next = parameters.size();
    sql += " WHERE " + table_ + ".bucket % $" + std::to_string(next + 1) + " = $" +
           std::to_string(next + 2);
    parameters.emplace_back(std::int64_t{share_.workers});
    parameters.emplace_back(std::int64_t{share_.worker});
  }
  const auto rows = transaction.run(sql, parameters);
  if (!rows) return std::unexpected(rows.error());
  if (rows->changed() != entries.size()) {
    return std::unexpected(of_two_partitions(*entries.front()->key));
  }
  return {};
}

Result<void> DocumentCache::erase(StateTransaction& transaction, std::span<Entry* const> entries) {
  if (entries.empty()) return {};
  std::vector<std::vector<SqlParameter>> rows;
  for (const auto* entry : entries) {
    if (!entry->is_stored()) continue;
    rows.push_back({*entry->key, std::int64_t{share_.workers}, std::int64_t{share_.worker}});
  }
  // What another worker has written since is left as it is, and told by the count.
  const auto erased =
      transaction.run_each("DELETE FROM " + table_ + " WHERE key = $1 AND bucket % $2 = $3", rows);
  if (!erased) return std::unexpected(erased.error());
  if (*erased != rows.size()) return std::unexpected(of_two_partitions(*entries.front()->key));
  return {};
}

void DocumentCache::committed() {
  CHECK(texts_.size() == changed_.size());
  for (std::size_t at = 0; at < changed_.size(); ++at) {
    auto& entry = *changed_[at];
    bytes_ -= entry.stored_bytes();
    entry.mark_stored(std::move(texts_[at]));
    bytes_ += entry.stored_bytes();
    entry.is_listed = false;
  }
  changed_.clear();
  texts_.clear();
  if (bytes_ <= bytes_max_) return;
  entries_.clear();
  bytes_ = 0;
  is_complete_ = false;
}

void DocumentCache::revert() {
  for (auto* entry : changed_) {
    entry->revert();
    entry->is_listed = false;
  }
  changed_.clear();
  texts_.clear();
}

}  // namespace eventstore::projection
