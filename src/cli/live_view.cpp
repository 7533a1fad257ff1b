#include "cli/live_view.hpp"

#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "cli/terminal_text.hpp"

namespace eventstore::cli {
namespace {

constexpr auto kEvery = std::chrono::seconds(1);

}  // namespace

LiveView::LiveView(Session& session, std::vector<Column> columns)
    : session_(session),
      format_(session.list_format()),
      columns_(columns),
      list_(session.output, format_, std::move(columns)) {}

Outcome LiveView::run(const Interrupt& interrupt, const std::function<Expected<Objects>()>& look) {
  std::optional<Failure> failure;
  while (!interrupt.requested() && session_.output.usable() && !session_.output.reader_gone()) {
    auto objects = look();
    if (!objects) {
      failure = std::move(objects).error();
      break;
    }
    show(*objects);
    wait_for(interrupt, kEvery);
  }
  if (format_ != OutputFormat::Table) list_.finish();
  if (failure) return std::unexpected(*std::move(failure));
  return ExitCode::Done;
}

void LiveView::show(const Objects& objects) {
  if (format_ == OutputFormat::Table) {
    show_table(objects);
  } else {
    for (const auto& object : objects) list_.add(object);
  }
  session_.output.flush();
}

void LiveView::show_table(const Objects& objects) {
  auto& output = session_.output;
  if (lines_shown_ && output.is_terminal()) {
    // Up to where the last one began; clears what follows.
    output.write(fmt::format("\r\x1b[{}A\x1b[J", *lines_shown_));
  } else if (lines_shown_) {
    output.write("\n");
  }
  if (columns_.empty()) {
    lines_shown_ = write_fields(objects);
    return;
  }
  ObjectList table(output, format_, columns_);
  for (const auto& object : objects) table.add(object);
  table.finish();
  lines_shown_ = objects.size() + 1;
}

// Returns how many lines these are.
std::size_t LiveView::write_fields(const Objects& objects) {
  auto& output = session_.output;
  const auto columns = output.terminal_columns();
  std::size_t count = 0;
  const auto write = [&](const std::string& line) {
    output.write((columns > 0 ? cut_to_columns(line, columns) : line) + '\n');
    ++count;
  };
  if (objects.empty()) write("there is none any more");
  for (const auto& object : objects) {
    if (count > 0) write("");
    for (const auto& line : field_lines(object)) write(line);
  }
  return count;
}

void wait_for(const Interrupt& interrupt, std::chrono::milliseconds time) {
  pollfd wake{.fd = interrupt.wake_fd(), .events = POLLIN, .revents = 0};
  ::poll(&wake, 1, static_cast<int>(time.count()));
}

}  // namespace eventstore::cli
