#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/import_batch.hpp"
#include "eventstore/event_store.hpp"

namespace eventstore::cli {

// Appends batches so that what the store has already is not there twice, and counts. One thread at
// a time. The store must have no other writer.
class ImportAppender {
 public:
  // `store` must outlive the appender. `head` is the store's before the import: what lies after it
  // was added by this import.
  ImportAppender(EventStore& store, std::string input_name, const ImportForm& form,
                 GlobalPosition head)
      : store_(store), input_name_(std::move(input_name)), form_(form), head_before_(head) {}

  Expected<void> append(ImportBatch batch);

  std::uint64_t added() const { return added_; }
  std::uint64_t already_there() const { return already_there_; }
  std::uint64_t last_line() const { return last_line_; }  // of the last batch that was appended

 private:
  Result<AppendResult> append_events(std::vector<NewEvent> events);
  Expected<void> append_missing(const ImportBatch& batch);
  Expected<std::vector<bool>> find_stored(const ImportBatch& batch,
                                          const std::vector<NewEvent>& events);
  Expected<void> check_repetition(const ImportBatch::Line& line, const NewEvent& event,
                                  const EventLocation& where);
  Failure explain(const Error& error, const ImportBatch& batch) const;

  EventStore& store_;
  std::string input_name_;
  ImportForm form_;
  GlobalPosition head_before_;
  std::uint64_t added_ = 0;
  std::uint64_t already_there_ = 0;
  std::uint64_t last_line_ = 0;
};

}  // namespace eventstore::cli
