#include "cli/output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/terminal_text.hpp"
#include "eventstore/text.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kBufferBytes = std::size_t{64} << 10;
constexpr std::string_view kGap = "  ";  // between the columns of a table
// What a terminal leaves of a table's last column, and of texts before it.
constexpr std::size_t kLastColumnMin = 20;
constexpr std::size_t kTextColumnsMin = 6;

std::string dump(const ordered_json& value, int indent = -1) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

void write_json(Output& output, std::string_view json) {
  output.write(output.is_terminal() ? escape_json_for_terminal(json) : json);
}

// A JSON value as a person reads it: text without quotes, and "-" where there is none.
std::string plain_text(const ordered_json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  return dump(value);
}

std::vector<Column> event_columns() {
  return {{.name = "position", .number = true},
          {.name = "version", .number = true},
          {.name = "stream", .columns_later = 16},
          {.name = "type", .columns_later = 20},
          {.name = "time"},
          {.name = "data"}};
}

// Whole, or on a terminal, which is narrow, to the second.
std::string table_time(const Output& output, Timestamp time) {
  auto text = format_timestamp(time);
  if (!output.is_terminal()) return text;
  text.resize(text.find('.'));
  text += 'Z';
  return text;
}

bool is_list_of_objects(const ordered_json& value) {
  return value.is_array() && !value.empty() &&
         std::ranges::all_of(value, [](const auto& one) { return one.is_object(); });
}

// "member worker-1, buckets 512"
std::string in_a_line(const ordered_json& object) {
  std::string line;
  for (const auto& [name, value] : object.items()) {
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name, plain_text(value));
  }
  return line;
}

void add_field_lines(std::vector<std::string>& lines, const ordered_json& object,
                     std::size_t indent) {
  const auto add = [&](std::string_view line, std::size_t columns) {
    lines.push_back(escape_for_terminal(fmt::format("{:{}}{}", "", columns, line)));
  };
  std::size_t width = 0;
  for (const auto& [name, value] : object.items()) width = std::max(width, columns_of(name));
  for (const auto& [name, value] : object.items()) {
    if (value.is_object() && !value.empty()) {
      add(name, indent);
      add_field_lines(lines, value, indent + 2);
    } else if (is_list_of_objects(value)) {
      add(name, indent);
      for (const auto& one : value) add(in_a_line(one), indent + 2);
    } else {
      add(fmt::format("{:{}}  {}", name, width, plain_text(value)), indent);
    }
  }
}

// As JSON, with one more member.
std::string dump_with(const ordered_json& object, const RawMember& last, bool indented) {
  auto text = dump(object, indented ? 2 : -1);
  text.resize(text.rfind(indented ? "\n}" : "}"));
  text += fmt::format("{}\"{}\":{}", indented ? ",\n  " : ",", last.name, indented ? " " : "");
  const auto value = text.size();
  text += last.json;
  // JSON has line breaks between its tokens only, where a space is as good.
  std::ranges::replace_if(
      text.begin() + static_cast<std::ptrdiff_t>(value), text.end(),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text + (indented ? "\n}" : "}");
}

}  // namespace

Output::Output(int fd) : fd_(fd), is_terminal_(::isatty(fd) == 1) {
  buffer_.reserve(kBufferBytes);
}

void Output::write(std::string_view text) {
  if (!usable()) return;
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && usable()) {
    const auto written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      error_number_ = errno;
    }
  }
  buffer_.clear();
}

std::size_t Output::terminal_columns() const {
  winsize size{};
  if (!is_terminal_ || ::ioctl(fd_, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool Output::reader_gone() const {
  pollfd state{.fd = fd_, .events = 0, .revents = 0};
  return error_number_ == EPIPE || (::poll(&state, 1, 0) == 1 && (state.revents & POLLERR) != 0);
}

Expected<void> Output::check() {
  flush();
  if (usable() || error_number_ == EPIPE) return {};
  return std::unexpected(io_failure("cannot write the output", error_number_));
}

Table::Table(Output& output, std::vector<Column> columns)
    : output_(output), columns_(std::move(columns)) {
  for (const auto& column : columns_) widths_.push_back(column.name.size());
}

void Table::add(std::vector<std::string> cells) {
  for (auto& cell : cells) cell = escape_for_terminal(cell);
  if (started_) return print(cells);
  held_.push_back(std::move(cells));
  if (held_.size() == kRowsMeasured) flush();
}

void Table::flush() {
  if (started_) return;
  for (std::size_t at = 0; at < widths_.size(); ++at) {
    widths_[at] = std::max(widths_[at], columns_[at].columns_later);
  }
  start();
}

void Table::finish() {
  if (!started_) start();
}

void Table::start() {
  std::vector<std::string> names;
  names.reserve(columns_.size());
  for (const auto& column : columns_) names.push_back(column.name);
  for (const auto& row : held_) {
    for (std::size_t at = 0; at < widths_.size(); ++at) {
      widths_[at] = std::max(widths_[at], columns_of(row[at]));
    }
  }
  if (const auto columns = output_.terminal_columns(); columns > 0) fit(columns);
  print(names);
  for (const auto& row : held_) print(row);
  held_ = {};
  started_ = true;
}

// Takes columns from the widest texts until the last one has room.
void Table::fit(std::size_t terminal_columns) {
  const auto before_last = std::span(widths_).first(widths_.size() - 1);
  auto taken = kLastColumnMin;
  for (const auto width : before_last) taken += width + kGap.size();
  for (; taken > terminal_columns; --taken) {
    std::size_t* widest = nullptr;
    for (std::size_t at = 0; at < before_last.size(); ++at) {
      const bool may_shrink = columns_[at].columns_later > 0 && widths_[at] > kTextColumnsMin;
      if (may_shrink && (widest == nullptr || widths_[at] > *widest)) widest = &before_last[at];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

void Table::print(const std::vector<std::string>& cells) {
  const auto columns = output_.terminal_columns();
  std::string line;
  for (std::size_t at = 0; at < cells.size(); ++at) {
    const bool last = at + 1 == cells.size();
    const bool may_cut = columns > 0 && !last && columns_[at].columns_later > 0;
    const auto cell = may_cut ? cut_to_columns(cells[at], widths_[at]) : cells[at];
    const auto width = columns_of(cell);
    const std::string padding(widths_[at] > width ? widths_[at] - width : 0, ' ');
    if (columns_[at].number) line += padding;
    line += cell;
    if (!columns_[at].number && !last) line += padding;
    if (!last) line += kGap;
  }
  output_.write(columns > 0 ? cut_to_columns(line, columns) : line);
  output_.write("\n");
}

ObjectList::ObjectList(Output& output, OutputFormat format, std::vector<Column> columns)
    : output_(output), format_(format), columns_(columns), table_(output, std::move(columns)) {}

void ObjectList::add(const ordered_json& object) {
  if (format_ == OutputFormat::Table) {
    std::vector<std::string> cells;
    cells.reserve(columns_.size());
    for (const auto& column : columns_) cells.push_back(plain_text(object.at(column.name)));
    return table_.add(std::move(cells));
  }
  add_json(dump(object));
}

void ObjectList::add(const ordered_json& object, const RawMember& last) {
  if (format_ == OutputFormat::Table) {
    std::vector<std::string> cells;
    cells.reserve(columns_.size());
    for (const auto& column : columns_) {
      const bool is_last = column.name == last.name;
      cells.push_back(is_last ? std::string(last.json) : plain_text(object.at(column.name)));
    }
    return table_.add(std::move(cells));
  }
  add_json(dump_with(object, last, /*indented=*/false));
}

void ObjectList::add_json(std::string_view json) {
  if (format_ == OutputFormat::Json) output_.write(empty_ ? "[\n" : ",\n");
  write_json(output_, json);
  if (format_ == OutputFormat::Ndjson) output_.write("\n");
  empty_ = false;
}

void ObjectList::finish() {
  if (format_ == OutputFormat::Table) table_.finish();
  if (format_ == OutputFormat::Json) output_.write(empty_ ? "[]\n" : "\n]\n");
}

EventList::EventList(Output& output, OutputFormat format)
    : output_(output), format_(format), table_(output, event_columns()) {}

void EventList::add(const EventView& event) {
  if (format_ == OutputFormat::Table) {
    const bool text = event.format == PayloadFormat::Json;
    return table_.add(
        {std::to_string(event.position.value), std::to_string(event.version.value),
         std::string(event.stream), std::string(event.type),
         table_time(output_, event.occurred_at.value_or(event.recorded_at)),
         text ? std::string(event.data) : fmt::format("({} bytes, binary)", event.data.size())});
  }
  if (format_ == OutputFormat::Json) output_.write(empty_ ? "[\n" : ",\n");
  line_.clear();
  write_ndjson_event(line_, event);
  write_json(output_, line_);
  if (format_ == OutputFormat::Ndjson) output_.write("\n");
  empty_ = false;
}

void EventList::flush() {
  if (format_ == OutputFormat::Table) table_.flush();
  output_.flush();
}

void EventList::finish() {
  if (format_ == OutputFormat::Table) table_.finish();
  if (format_ == OutputFormat::Json) output_.write(empty_ ? "[]\n" : "\n]\n");
}

std::vector<std::string> field_lines(const ordered_json& object) {
  std::vector<std::string> lines;
  add_field_lines(lines, object, 0);
  return lines;
}

void print_object(Output& output, OutputFormat format, const ordered_json& object) {
  if (format == OutputFormat::Table) {
    for (const auto& line : field_lines(object)) output.write(line + '\n');
    return;
  }
  write_json(output, dump(object, format == OutputFormat::Json ? 2 : -1));
  output.write("\n");
}

void print_object(Output& output, OutputFormat format, const ordered_json& object,
                  const RawMember& last) {
  write_json(output, dump_with(object, last, format == OutputFormat::Json));
  output.write("\n");
}

std::string to_text(const ordered_json& value) {
  return dump(value);
}

std::string with_thousands(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", with_thousands(number), noun, number == 1 ? "" : "s");
}

}  // namespace eventstore::cli
