#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/errors.hpp"
#include "eventstore/event.hpp"

namespace eventstore::cli {

enum class OutputFormat : std::uint8_t { Table, Json, Ndjson };

// Where a command prints: a buffer in front of a file descriptor, which it does not own. The first
// failed write is kept and later ones are dropped; a command that prints much asks usable() now and
// then, and check() tells at the end. One thread at a time.
class Output {
 public:
  explicit Output(int fd);

  void write(std::string_view text);
  void flush();

  bool is_terminal() const { return is_terminal_; }
  std::size_t terminal_columns() const;  // 0: unknown
  bool usable() const { return error_number_ == 0; }
  // True if whoever read our output has gone away. Asks the system, and so sees it before a write
  // does.
  bool reader_gone() const;
  // Flushes, and fails where output was lost for another reason than its reader going away: that is
  // how `| head` ends a command, quietly.
  Expected<void> check();

 private:
  int fd_;
  bool is_terminal_;
  int error_number_ = 0;
  std::string buffer_;
};

struct Column {
  std::string name;
  bool number = false;  // aligned to the right
  // Above 0, a text that gets at least so many columns where rows follow that were not measured,
  // so that they line up. A terminal may have room for less.
  std::size_t columns_later = 0;
};

// Rows in aligned columns. The first kRowsMeasured rows set the widths, so that a table of any
// length is printed as it comes. On a terminal the last column is cut at the edge, and texts before
// it where it would have no room. Control characters are spelled out everywhere: a line break would
// make two rows of one.
class Table {
 public:
  static constexpr std::size_t kRowsMeasured = 200;

  // `output` must outlive the table.
  Table(Output& output, std::vector<Column> columns);
  void add(std::vector<std::string> cells);
  void flush();   // prints what is held back, for the reader to see it before more comes
  void finish();  // prints what is held back: there is no more

 private:
  void start();
  void fit(std::size_t terminal_columns);
  void print(const std::vector<std::string>& cells);

  Output& output_;
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> held_;
  bool started_ = false;
};

// A member whose value is printed byte for byte, but for line breaks.
struct RawMember {
  std::string_view name;
  std::string_view json;
};

// A list of JSON objects: a table of the named fields, an array, or a line each.
class ObjectList {
 public:
  ObjectList(Output& output, OutputFormat format, std::vector<Column> columns);
  void add(const nlohmann::ordered_json& object);
  // The same with one more member behind those of `object`, which is not empty.
  void add(const nlohmann::ordered_json& object, const RawMember& last);
  void finish();

 private:
  void add_json(std::string_view json);

  Output& output_;
  OutputFormat format_;
  std::vector<Column> columns_;
  Table table_;
  bool empty_ = true;
};

// A list of events, in the same three forms.
class EventList {
 public:
  EventList(Output& output, OutputFormat format);
  void add(const EventView& event);
  void flush();  // shows what was added so far
  void finish();

 private:
  Output& output_;
  OutputFormat format_;
  Table table_;
  std::string line_;
  bool empty_ = true;
};

// One object in lines for a person to read: a field each, what is in it indented. Control
// characters are spelled out.
std::vector<std::string> field_lines(const nlohmann::ordered_json& object);

// One object: a line for each field, indented JSON, or one line of JSON.
void print_object(Output& output, OutputFormat format, const nlohmann::ordered_json& object);

// The same as JSON, `format` being Json or Ndjson, with one more member behind those of `object`,
// which is not empty.
void print_object(Output& output, OutputFormat format, const nlohmann::ordered_json& object,
                  const RawMember& last);

// JSON in one line; bytes that are no UTF-8 are replaced.
std::string to_text(const nlohmann::ordered_json& value);

// "8,577"
std::string with_thousands(std::uint64_t number);

// "8,577 events", "1 event"
std::string counted(std::uint64_t number, std::string_view noun);

}  // namespace eventstore::cli
