#include "core/name_uuid.hpp"
#include "eventstore/text.hpp"

namespace eventstore {

// The ordinal is part of the hash's domain, so that the bytes need no copy.
Uuid derive_event_id(std::string_view bytes, std::uint64_t ordinal) {
  return uuid_from_bytes_hash("event " + std::to_string(ordinal), bytes);
}

}  // namespace eventstore
