#pragma once

#include <chrono>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "core/stream_bounds.hpp"
#include "eventstore/position.hpp"
#include "eventstore/result.hpp"

namespace eventstore {

// Whether the bounds that one append states may follow those that are there, which only grow: what
// was deleted once is never brought back.
//
// Give it all events of an append in their order, but only of one that states bounds at all: any
// other passes, and need not pay for this.
//
// Ownership: borrows the names of streams.
// Threads:   one at a time.
class BoundsCheck {
 public:
  // What was there before the append. A failure of one is the failure of the check.
  struct Before {
    std::function<Result<StreamBounds>(std::string_view stream)> bounds_of;
    std::function<Result<StreamVersion>(std::string_view stream)> last_version_of;  // 0: none
    // The first version that is not older than `max_age`; the next to come if all are.
    std::function<Result<StreamVersion>(std::string_view stream, std::chrono::seconds max_age)>
        first_young;
  };
  using Changes = std::unordered_map<std::string_view, StreamBounds>;

  explicit BoundsCheck(Before before);

  // The append's next event, in `stream`, and what it states; null: nothing.
  //
  // Fails with StreamDeleted where the stream, or the one whose bounds are stated, is tombstoned,
  // and with InvalidArgument where these bounds cannot follow the earlier ones.
  Result<void> add(std::string_view stream, const StatedBounds* stated);

  // The bounds of the streams that the append changes, once it is accepted.
  Changes take_changes();  // the last call

 private:
  Result<StreamBounds> bounds_of(std::string_view stream) const;
  Result<StreamVersion> last_version_of(std::string_view stream) const;
  Result<void> take(const StatedBounds& stated);
  Result<void> follows(const StreamBounds& before, const StatedBounds& stated) const;
  Result<StreamVersion> first_that_stays(const StreamBounds& before, const StatedBounds& stated,
                                         StreamVersion last) const;

  const Before before_;
  std::unordered_map<std::string_view, StreamVersion> versions_;  // with the append's events
  Changes changes_;
};

}  // namespace eventstore
