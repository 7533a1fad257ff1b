#pragma once

#include <cstdint>
#include <string_view>

#include "eventstore/position.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore::log {

// An event's position less the first position of its run.
using Posting = std::uint32_t;

// What a posting list is of. The values are format.
enum class KeyKind : std::uint8_t { Stream = 1, Category = 2, Type = 3, Tag = 4, Bounds = 5 };

// The hash of a key and of an event id, seeded by the store's secret. Both are format.
std::uint64_t hash_key(KeyKind kind, std::string_view text, std::uint64_t secret);
std::uint64_t hash_id(std::string_view stream, const Uuid& id, std::uint64_t secret);

// A key with its hash, borrowed.
struct Key {
  KeyKind kind;
  std::string_view text;
  std::uint64_t hash;
};

// What an index knows of a key. `list` is for the index that returned it.
struct KeyEntry {
  std::uint32_t postings = 0;  // how many
  // Of streams only: the version of the first event that is no husk, or of the next to come where
  // all are; and of the last event.
  StreamVersion first_version;
  StreamVersion last_version;
  std::uint64_t list = 0;
  std::uint32_t list_bytes = 0;
};

}  // namespace eventstore::log
