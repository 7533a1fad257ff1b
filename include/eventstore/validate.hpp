#pragma once

#include <string_view>

#include "eventstore/append.hpp"
#include "eventstore/read.hpp"
#include "eventstore/result.hpp"

namespace eventstore {

// The checks that every engine makes before anything else; public, so that a caller can make them
// early. They fail with InvalidArgument, or LimitExceeded with LimitDetails.

// 1..512 bytes of valid UTF-8 without control characters (U+0000..001F, U+007F..009F).
Result<void> validate_stream_name(std::string_view stream);
Result<void> validate_event_type(std::string_view type);
Result<void> validate_tag(std::string_view tag);

// As stream names.
Result<void> validate_checkpoint_name(std::string_view checkpoint);
Result<void> validate_lease_name(std::string_view lease);
Result<void> validate_lease_owner(std::string_view owner);
Result<void> validate_consumer_group_name(std::string_view group);
Result<void> validate_consumer_group_member(std::string_view member);

// A JSON object without keys that start with '$'.
Result<void> validate_stream_metadata(std::string_view json);

Result<void> validate(const NewEvent& event);
Result<void> validate(const AppendRequest& request);
Result<void> validate(const ReadRequest& request);

}  // namespace eventstore
