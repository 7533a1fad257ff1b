#pragma once

#include <optional>
#include <string>
#include <utility>

#include "campaigns/operations.hpp"
#include "eventstore/event_store.hpp"
#include "support/model.hpp"

// What is deleted from a store and from the model beside it.
namespace eventstore::test {

// `target`: a store or a model.
template <typename Target>
Result<StreamChange> delete_from(Target& target, const DeleteFromStream& deletion) {
  switch (deletion.kind) {
    case DeleteFromStream::Kind::Truncate:
      return target.truncate_stream(deletion.stream, deletion.before, deletion.expected);
    case DeleteFromStream::Kind::SetRetention:
      return target.set_retention(deletion.stream, deletion.retention, deletion.expected);
    case DeleteFromStream::Kind::Delete:
      return target.delete_stream(deletion.stream, deletion.expected);
    case DeleteFromStream::Kind::Tombstone:
      return target.tombstone_stream(deletion.stream, deletion.expected);
  }
  std::unreachable();
}

// The first difference between two answers; absent where they agree.
std::optional<std::string> difference(const Result<StreamChange>& model,
                                      const Result<StreamChange>& actual);

// What was appended between two states of a model, as one request; a request for nothing where that
// is nothing.
AppendRequest appended_since(const Model& before, const Model& after);

}  // namespace eventstore::test
