#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/engines.hpp"

namespace eventstore::test {

using Numbers = std::vector<std::uint64_t>;

// The store of every case, in several segments where the engine has any; all events have tag x:
//   order-1 at the odd positions 1 to 15, order-2 at the even ones 2 to 16
class DeletionTest : public EngineTest {
 protected:
  void SetUp() override {
    reopen({.segment_bytes_max = 64 << 10});
    for (int round = 0; round < 8; ++round) {
      value_of(store().append({.events = {large_event_of("order-1"), large_event_of("order-2")}}));
    }
  }

  static NewEvent large_event_of(std::string stream) {
    NewEvent event = tagged_event_of(std::move(stream), "Placed", {"x"});
    event.data = '"' + std::string(12000, 'x') + '"';
    return event;
  }

  StreamChange truncate(std::uint64_t before) {
    return value_of(store().truncate_stream("order-1", {before}, ExpectedVersion::any()));
  }
  StreamChange delete_stream() {
    return value_of(store().delete_stream("order-1", ExpectedVersion::any()));
  }
  StreamChange tombstone() {
    return value_of(store().tombstone_stream("order-1", ExpectedVersion::any()));
  }
  Result<AppendResult> append(ExpectedVersion expected = ExpectedVersion::any()) {
    return store().append(append_to("order-1", expected));
  }
  // What a check of order-1 alone answers.
  Result<AppendResult> check(ExpectedVersion expected) {
    return store().append({.checks = {{.stream = "order-1", .expected = expected}}});
  }
  // Appends a document to $$order-1 past the functions for it.
  Result<AppendResult> append_metadata(std::string json) {
    NewEvent event = event_of("$$order-1", "$metadata");
    event.data = std::move(json);
    return store().append({.events = {event}, .system = true});
  }

  Numbers versions(ReadRequest request = {}) {
    request.selector = SelectStream{"order-1"};
    return versions_of(read_events(store(), std::move(request)));
  }
  Numbers positions(ReadRequest request) {
    return positions_of(read_events(store(), std::move(request)));
  }
  std::optional<StreamInfo> info() { return value_of(store().stream_info("order-1")); }
  std::vector<std::string> names(ListStreamsRequest request = {}) {
    std::vector<std::string> found;
    for (const auto& stream : value_of(store().list_streams(request))) {
      found.push_back(stream.stream);
    }
    return found;
  }
};

}  // namespace eventstore::test
