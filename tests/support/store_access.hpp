#pragma once

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/event_store.hpp"

// Short ways to talk to a store in a test, and to show what it says.
namespace eventstore {

void PrintTo(ErrorCode code, std::ostream* out);
void PrintTo(GlobalPosition position, std::ostream* out);
void PrintTo(StreamVersion version, std::ostream* out);
void PrintTo(const Uuid& id, std::ostream* out);
void PrintTo(const RecordedEvent& event, std::ostream* out);
void PrintTo(const StreamInfo& info, std::ostream* out);
void PrintTo(const StreamOutcome& outcome, std::ostream* out);

namespace test {

// What `result` holds. A failure throws, so that the test ends there with the error's message.
template <typename T>
T value_of(Result<T> result) {
  if (result) return *std::move(result);
  throw std::runtime_error(std::string(to_string(result.error().code)) + ": " +
                           result.error().message);
}
inline void value_of(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

// The error of a call that must fail.
template <typename T>
Error error_of(const Result<T>& result) {
  if (!result) return result.error();
  throw std::runtime_error("it succeeded where it should have failed");
}

template <typename T>
ErrorCode code_of(const Result<T>& result) {
  return error_of(result).code;
}

// The typed details of an error that must have them.
template <typename Details>
Details details_of(const Error& error) {
  const auto* const details = std::get_if<Details>(&error.details);
  if (details != nullptr) return *details;
  throw std::runtime_error("an error without the details it should have: " + error.message);
}

// An id that is easy to tell from others: version 4 in form, `number` at its end.
Uuid id_of(std::uint64_t number);

// An event of `stream`: no tags, the data `{}`.
NewEvent event_of(std::string stream, std::string type = "Happened");
NewEvent event_of(std::string stream, std::string type, Uuid id);
NewEvent tagged_event_of(std::string stream, std::string type, std::vector<std::string> tags);

// A request that appends `count` events to `stream`, which must be at `expected`.
AppendRequest append_to(std::string stream, ExpectedVersion expected = ExpectedVersion::any(),
                        std::size_t count = 1);

// The events that a read gives, and the head it was made at.
struct ReadOutcome {
  std::vector<RecordedEvent> events;
  GlobalPosition head;
};

// Reads to the end. Where the read fails, be it at once or on its way: the error.
Result<ReadOutcome> try_read(EventStore& store, ReadRequest request);

std::vector<RecordedEvent> read_events(EventStore& store, ReadRequest request = {});
std::vector<RecordedEvent> read_stream(EventStore& store, std::string stream);

// Everything, the store's own events included.
std::vector<RecordedEvent> read_everything(EventStore& store);

// What a read gives, as NDJSON lines.
std::string read_lines(EventStore& store, ReadRequest request = {});

std::vector<std::uint64_t> positions_of(const std::vector<RecordedEvent>& events);
std::vector<std::uint64_t> versions_of(const std::vector<RecordedEvent>& events);

}  // namespace test
}  // namespace eventstore
