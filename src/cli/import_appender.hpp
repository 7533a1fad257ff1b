#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "cli/import_batch.hpp"
#include "eventstore/event_store.hpp"

namespace eventstore::cli {

// Appends batches so that what the store has already is not there twice, and counts. Some batches
// are under way at a time, in order: while one is synced the next are prepared. One thread at a
// time. The store must have no other writer.
class ImportAppender {
 public:
  // `store` must outlive the appender. `head` is the store's before the import: what lies after it
  // was added by this import.
  ImportAppender(EventStore& store, std::string input_name, const ImportForm& form,
                 GlobalPosition head)
      : store_(store), input_name_(std::move(input_name)), form_(form), head_before_(head) {}

  // Waits for what is under way.
  ~ImportAppender();
  ImportAppender(const ImportAppender&) = delete;
  ImportAppender& operator=(const ImportAppender&) = delete;

  // Sends a batch. A failure may be that of a batch before it; nothing behind the failed one was
  // appended then.
  Expected<void> append(ImportBatch batch);

  // Waits until everything that was sent is settled.
  Expected<void> finish();

  std::uint64_t added() const { return added_; }
  std::uint64_t already_there() const { return already_there_; }
  std::uint64_t last_line() const { return last_line_; }  // of the last batch that was appended

 private:
  struct Sent {
    ImportBatch batch;
    std::future<Result<AppendResult>> answer;
  };

  std::future<Result<AppendResult>> send(std::vector<NewEvent> events,
                                         std::shared_ptr<AppendChain> chain);
  bool is_enough_under_way() const;
  Expected<void> settle_first();
  Expected<void> settle(ImportBatch& batch, Result<AppendResult> appended);
  std::vector<NewEvent> events_again(const ImportBatch& batch) const;
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
  std::deque<Sent> under_way_;
  // Ends also where the input repeats itself: whether it says the same again is looked up first.
  std::shared_ptr<AppendChain> chain_ = std::make_shared<AppendChain>(head_before_);
  std::uint64_t added_ = 0;
  std::uint64_t already_there_ = 0;
  std::uint64_t last_line_ = 0;
};

}  // namespace eventstore::cli
