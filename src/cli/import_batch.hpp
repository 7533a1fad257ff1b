#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/errors.hpp"
#include "cli/line_ordinals.hpp"
#include "cli/line_reader.hpp"
#include "eventstore/event.hpp"
#include "eventstore/result.hpp"

namespace eventstore::cli {

// How the lines of an input are to be read.
struct ImportForm {
  Result<NewEvent> (*parse)(std::string_view line) = nullptr;
  std::uint64_t batch_events_max = 1000;
  bool allow_system = false;  // events of the store's own: streams and types that start with '$'
};

// The events of some lines in a row, appended together. An append takes the events away, so that
// the lines are kept to make them again where it asks for a closer look.
struct ImportBatch {
  struct Line {
    std::uint64_t number = 0;
    std::size_t offset = 0;  // in text
    std::size_t bytes = 0;
    Uuid id;  // of its event
  };

  std::string text;
  std::vector<Line> lines;
  std::vector<NewEvent> events;      // one a line, until they are taken
  std::size_t bytes = 0;             // of memory that lines and events take
  std::uint64_t repeated_lines = 0;  // left out: they say the same as a line before them

  std::string_view line_text(const Line& line) const {
    return std::string_view(text).substr(line.offset, line.bytes);
  }
};

// Whether two events with the same id are the same also in all that their producer said.
template <typename Stored>
bool same_contents(const NewEvent& event, const Stored& stored) {
  return event.stream == stored.stream && event.type == stored.type && event.data == stored.data &&
         event.metadata == stored.metadata && event.format == stored.format &&
         event.schema_version == stored.schema_version && event.occurred_at == stored.occurred_at &&
         std::equal(event.tags.begin(), event.tags.end(), stored.tags.begin(), stored.tags.end());
}

// The event of a line of a batch, made again.
NewEvent parse_again(const ImportForm& form, const ImportBatch& batch,
                     const ImportBatch::Line& line);

// The first line of a batch whose event the store would refuse, if any.
std::optional<BadLine> find_bad_line(const ImportForm& form, const ImportBatch& batch);

// Makes batches of an input's lines. One thread at a time.
class ImportBatcher {
 public:
  // `input` must outlive the batcher.
  ImportBatcher(Input& input, const ImportForm& form) : input_(input), lines_(input), form_(form) {}

  // The next batch; absent at the end. After a failure nothing follows.
  //
  // Fails with "bad_input" at a bad line, its number being details.line; the batch that the line
  // belongs to is lost with it.
  Expected<std::optional<ImportBatch>> next();

 private:
  Expected<void> add_line(ImportBatch& batch, std::string_view line);
  Expected<void> drop_repeated_lines(ImportBatch& batch) const;
  void assign_id(NewEvent& event, std::string_view line);
  Failure first_bad(const ImportBatch& batch, const Failure& later) const;
  bool is_full(const ImportBatch& batch) const;

  Input& input_;
  LineReader lines_;
  ImportForm form_;
  LineOrdinals ordinals_;
  ImportBatch waiting_;  // a line that the last batch had no room for, if any
};

}  // namespace eventstore::cli
