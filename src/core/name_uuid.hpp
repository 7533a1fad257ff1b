#pragma once

#include <string_view>

#include "eventstore/uuid.hpp"

namespace eventstore {

// An id derived from text: the same bytes give the same UUID (version 8), for ever and on every
// machine. `domain` names the use ("cloudevents"), so that equal bytes of different uses do not
// meet.
//
// It is the XXH3-128 of `bytes`, seeded by the XXH3-64 of `domain`: spread well, not secret.
// Whoever chooses the bytes on purpose can make two that meet.
Uuid uuid_from_bytes_hash(std::string_view domain, std::string_view bytes);

}  // namespace eventstore
