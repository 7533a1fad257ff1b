#include "postgres/postgres_cursor.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace eventstore::postgres {
namespace {

// Events of a page. Not more of them than fit into some 16 MiB even if each is as large as comes
// with a page; and to begin with fewer, for whoever looks at the first ones only.
constexpr std::uint64_t kPageRowsMax = 1024;
constexpr std::uint64_t kFirstPageRows = 256;

// Payloads that did not come with the page are fetched for some events at a time, about so many
// bytes in all.
constexpr std::uint64_t kPayloadBytesMax = std::uint64_t{16} << 20;

int column(EventColumn which) {
  return static_cast<int>(which);
}

}  // namespace

PostgresCursor::PostgresCursor(const StoreSettings& settings, ConnectionPool& pool, ReadPlan plan)
    : settings_(settings),
      pool_(pool),
      plan_(std::move(plan)),
      left_(plan_.request.limit.value_or(std::numeric_limits<std::uint64_t>::max())),
      page_rows_(first_page_rows(plan_.request)) {
  if (!plan_.first_page || plan_.parts.empty()) return;
  page_rows_ = plan_.first_page_rows;
  take_page(*std::move(plan_.first_page));
  page_rows_ = std::min(page_rows_ * 4, kPageRowsMax);
}

std::uint64_t first_page_rows(const ReadRequest& request) {
  return std::min(request.limit.value_or(kFirstPageRows), kFirstPageRows);
}

EventSelection page_of(const ReadPlan& plan, const ReadPlan::Part& part, std::uint64_t rows) {
  return {.selector = &plan.request.selector,
          .stream_id = plan.stream_id,
          .direction = plan.request.direction,
          .first = part.first,
          .last = part.last,
          .limit = rows,
          .types = &plan.request.types,
          .stream_prefix = plan.request.stream_prefix,
          .deleted_up_to = plan.hides ? std::optional(plan.head) : std::nullopt};
}

Result<std::span<const EventView>> PostgresCursor::next() {
  if (failure_) return std::unexpected(*failure_);
  auto batch = read_next();
  if (!batch) failure_ = batch.error();
  return batch;
}

Result<void> PostgresCursor::still_wanted() const {
  if (settings_.stop.stop_requested()) {
    return std::unexpected(
        Error{.code = ErrorCode::Closed, .message = "the store is being closed"});
  }
  if (plan_.request.cancellation.stop_requested()) {
    return std::unexpected(
        Error{.code = ErrorCode::Cancelled, .message = "the read was cancelled"});
  }
  const auto now = settings_.environment.clock->monotonic_now();
  if (plan_.request.deadline && now > *plan_.request.deadline) {
    return std::unexpected(Error{.code = ErrorCode::DeadlineExceeded,
                                 .message = "the deadline passed before the end of the read"});
  }
  return {};
}

Error PostgresCursor::to_read_error(const Failure& failure, const std::string& suffix) const {
  if (!is_detached(failure)) return to_error(failure);
  auto month = suffix;
  std::ranges::replace(month, '_', '-');
  return {.code = ErrorCode::Archived,
          .message = "the events of " + month + " are detached; attach that month to read them"};
}

Deadline PostgresCursor::deadline() const {
  const auto patience = settings_.environment.clock->monotonic_now() + settings_.patience;
  return std::min(plan_.request.deadline.value_or(patience), patience);
}

Result<std::span<const EventView>> PostgresCursor::read_next() {
  batch_.clear();
  payloads_.clear();
  if (auto wanted = still_wanted(); !wanted) return std::unexpected(std::move(wanted).error());
  while (batch_.empty() && left_ > 0) {
    if (row_ == page_.size()) {
      const auto fetched = next_page();
      if (!fetched) return std::unexpected(fetched.error());
      if (!*fetched) break;
    }
    if (auto taken = take_batch(); !taken) return std::unexpected(std::move(taken).error());
  }
  left_ -= batch_.size();
  return std::span<const EventView>(batch_);
}

// A batch is what is left of the page, or less where its payloads must be fetched.
Result<void> PostgresCursor::take_batch() {
  const int first = row_;
  std::uint64_t bytes = 0;
  for (; row_ < page_.size() && batch_.size() < left_; ++row_) {
    if (page_.is_null(row_, column(EventColumn::Data))) {
      const auto size = static_cast<std::uint64_t>(page_.int4(row_, column(EventColumn::Bytes)));
      if (bytes > 0 && bytes + size > kPayloadBytesMax) break;
      bytes += size;
    }
    if (is_shown(row_)) batch_.push_back(view_of(row_));
  }
  return bytes > 0 ? fetch_payloads(first, row_) : Result<void>{};
}

// False: there is no more. Pages may be empty though there is: what they have is looked at later.
Result<bool> PostgresCursor::next_page() {
  if (fetched_.empty()) {
    if (part_ == plan_.parts.size()) return false;
    if (auto fetched = fetch(); !fetched) return std::unexpected(std::move(fetched).error());
  }
  take_page(std::move(fetched_.front()));
  fetched_.pop_front();
  if (fetched_.empty()) page_rows_ = std::min(page_rows_ * 4, kPageRowsMax);
  return true;
}

Result<void> PostgresCursor::fetch() {
  auto count = fetches_one_ ? 1 : parts_of_a_page();
  auto pages = fetch_pages(count);
  if (!pages && count > 1 && is_detached(pages.error())) {
    // The events before those that are detached are to be read.
    fetches_one_ = true;
    count = 1;
    pages = fetch_pages(count);
  }
  if (!pages) return std::unexpected(to_read_error(pages.error(), plan_.parts[part_].suffix));
  for (auto& page : *pages) fetched_.push_back(std::move(page));
  return {};
}

// From the part that is to come next on: as many as have no more events together than a page may.
std::size_t PostgresCursor::parts_of_a_page() const {
  auto left = std::min(page_rows_, left_);
  std::size_t count = 0;
  for (auto at = part_; at < plan_.parts.size(); ++at, ++count) {
    const auto events = plan_.parts[at].last - plan_.parts[at].first + 1;
    if (events > left) break;
    left -= events;
  }
  return std::max<std::size_t>(count, 1);
}

// A page of each part, in one go.
Answer<std::vector<Rows>> PostgresCursor::fetch_pages(std::size_t count) {
  std::vector<SqlBuilder> statements;
  for (const auto& part : std::span(plan_.parts).subspan(part_, count)) {
    statements.push_back(
        events_sql(page_of(plan_, part, page_rows_), settings_.schema, part.suffix));
  }
  return pool_.with_connection(
      deadline(), [&](Connection& connection) { return run(connection, statements, deadline()); });
}

// The page of the part that is to come next, and where the one behind it begins.
void PostgresCursor::take_page(Rows page) {
  page_ = std::move(page);
  row_ = 0;
  auto& part = plan_.parts[part_];
  page_part_ = part;
  if (static_cast<std::uint64_t>(page_.size()) < page_rows_) {
    ++part_;
  } else {
    const auto number = number_of(page_.size() - 1);
    if (plan_.request.direction == Direction::Forwards) {
      part.first = number + 1;
    } else {
      part.last = std::min(part.last, number - 1);  // events behind the part may have come
    }
    if (part.first > part.last) ++part_;
  }
}

std::uint64_t PostgresCursor::number_of(int row) const {
  const bool of_stream = std::holds_alternative<SelectStream>(plan_.request.selector);
  return page_.int8(row, column(of_stream ? EventColumn::Version : EventColumn::Position));
}

bool PostgresCursor::is_shown(int row) const {
  if (page_.int2(row, column(EventColumn::Format)) == 0) return false;  // a husk
  const auto number = number_of(row);
  if (number < page_part_.first || number > page_part_.last) return false;
  if (plan_.request.include_system || std::holds_alternative<SelectStream>(plan_.request.selector))
    return true;
  return !is_system_name(page_.text(row, column(EventColumn::Stream))) &&
         !is_system_name(page_.text(row, column(EventColumn::Type)));
}

EventView PostgresCursor::view_of(int row) const {
  EventView view;
  view.position = {page_.int8(row, column(EventColumn::Position))};
  view.version = {page_.int8(row, column(EventColumn::Version))};
  view.id = page_.uuid(row, column(EventColumn::Id));
  view.stream = page_.text(row, column(EventColumn::Stream));
  view.type = page_.text(row, column(EventColumn::Type));
  view.data = page_.text(row, column(EventColumn::Data));
  view.metadata = page_.text(row, column(EventColumn::Metadata));
  view.tags = TagsView(page_.text(row, column(EventColumn::Tags)));
  view.format = static_cast<PayloadFormat>(page_.int2(row, column(EventColumn::Format)));
  view.schema_version =
      static_cast<std::uint32_t>(page_.int8(row, column(EventColumn::SchemaVersion)));
  view.recorded_at = page_.timestamptz(row, column(EventColumn::RecordedAt));
  if (!page_.is_null(row, column(EventColumn::OccurredAt))) {
    view.occurred_at = page_.timestamptz(row, column(EventColumn::OccurredAt));
  }
  view.last_of_append = page_.boolean(row, column(EventColumn::LastOfAppend));
  return view;
}

// The payloads of those rows that came without.
Result<void> PostgresCursor::fetch_payloads(int first_row, int end_row) {
  std::vector<std::uint64_t> positions;
  for (int row = first_row; row < end_row; ++row) {
    if (page_.is_null(row, column(EventColumn::Data))) {
      positions.push_back(page_.int8(row, column(EventColumn::Position)));
    }
  }
  const auto statement = payloads_sql(positions, settings_.schema, page_part_.suffix);
  auto rows = pool_.with_connection(deadline(), [&](Connection& connection) {
    return connection.run(statement.call(), deadline());
  });
  if (!rows) return std::unexpected(to_read_error(rows.error(), page_part_.suffix));
  payloads_.push_back(*std::move(rows));
  const auto& payloads = payloads_.back();
  for (int row = 0; row < payloads.size(); ++row) {
    const GlobalPosition position{payloads.int8(row, 0)};
    const auto at = std::ranges::find(batch_, position, &EventView::position);
    if (at == batch_.end()) continue;
    at->metadata = payloads.text(row, 1);
    at->data = payloads.text(row, 2);
  }
  return {};
}

}  // namespace eventstore::postgres
