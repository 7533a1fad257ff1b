#include "cli/import_appender.hpp"

#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace eventstore::cli {
namespace {

// Batches under way at a time: while one is synced, those behind it are encoded and queue up.
constexpr std::size_t kUnderWayMax = 4;
constexpr std::size_t kUnderWayBytesMax = std::size_t{32} << 20;

}  // namespace

ImportAppender::~ImportAppender() {
  for (auto& sent : under_way_) sent.answer.wait();
}

Expected<void> ImportAppender::append(ImportBatch batch) {
  auto answer = send(std::move(batch.events), chain_);
  under_way_.push_back({.batch = std::move(batch), .answer = std::move(answer)});
  while (is_enough_under_way()) {
    if (auto settled = settle_first(); !settled) return settled;
  }
  return {};
}

bool ImportAppender::is_enough_under_way() const {
  std::size_t bytes = 0;
  for (const auto& sent : under_way_) bytes += sent.batch.bytes;
  return under_way_.size() >= kUnderWayMax || bytes > kUnderWayBytesMax;
}

Expected<void> ImportAppender::finish() {
  while (!under_way_.empty()) {
    if (auto settled = settle_first(); !settled) return settled;
  }
  return {};
}

std::future<Result<AppendResult>> ImportAppender::send(std::vector<NewEvent> events,
                                                       std::shared_ptr<AppendChain> chain) {
  AppendRequest request;
  request.events = std::move(events);
  request.system = form_.allow_system;
  request.context.chain = std::move(chain);
  auto promise = std::make_shared<std::promise<Result<AppendResult>>>();
  auto answer = promise->get_future();
  store_.append_async(std::move(request), [promise](Result<AppendResult> result) {
    promise->set_value(std::move(result));
  });
  return answer;
}

Expected<void> ImportAppender::settle_first() {
  auto sent = std::move(under_way_.front());
  under_way_.pop_front();
  auto appended = sent.answer.get();
  if (appended) return settle(sent.batch, std::move(appended));

  // The chain is broken: nothing behind was appended. It is sent again, one batch after another,
  // and nothing new before that.
  for (auto& behind : under_way_) behind.answer.wait();
  chain_ = std::make_shared<AppendChain>(head_before_);
  if (appended.error().code == ErrorCode::Cancelled) {
    appended = send(events_again(sent.batch), nullptr).get();
  }
  const auto settled = settle(sent.batch, std::move(appended));
  return settled ? finish() : settled;
}

Expected<void> ImportAppender::settle(ImportBatch& batch, Result<AppendResult> appended) {
  const auto count = batch.lines.size();
  const bool conflict = !appended && appended.error().code == ErrorCode::EventIdConflict;
  if (!appended && !conflict) return std::unexpected(explain(appended.error(), batch));

  // A repetition of events that this very import added: the input says something twice.
  const bool own_repetition =
      appended && appended->repeated && appended->last_position > head_before_;
  if (conflict || own_repetition) {
    const auto done = append_missing(batch);
    if (!done) return done;
  } else {
    (appended->repeated ? already_there_ : added_) += count;
  }
  already_there_ += batch.repeated_lines;
  last_line_ = batch.lines.back().number;
  return {};
}

std::vector<NewEvent> ImportAppender::events_again(const ImportBatch& batch) const {
  std::vector<NewEvent> events;
  events.reserve(batch.lines.size());
  for (const auto& line : batch.lines) events.push_back(parse_again(form_, batch, line));
  return events;
}

// Looks up which events of the batch are there, and appends the others.
Expected<void> ImportAppender::append_missing(const ImportBatch& batch) {
  auto events = events_again(batch);
  const auto stored = find_stored(batch, events);
  if (!stored) return std::unexpected(stored.error());

  std::vector<NewEvent> missing;
  for (std::size_t at = 0; at < events.size(); ++at) {
    if (!(*stored)[at]) missing.push_back(std::move(events[at]));
  }
  already_there_ += batch.lines.size() - missing.size();
  if (missing.empty()) return {};
  const auto count = missing.size();
  const auto appended = send(std::move(missing), nullptr).get();
  if (!appended) return std::unexpected(explain(appended.error(), batch));
  added_ += count;
  return {};
}

// For each event of the batch, whether the store has it.
Expected<std::vector<bool>> ImportAppender::find_stored(const ImportBatch& batch,
                                                        const std::vector<NewEvent>& events) {
  std::unordered_map<std::string_view, std::vector<std::size_t>> places_by_stream;
  for (std::size_t at = 0; at < events.size(); ++at) {
    places_by_stream[events[at].stream].push_back(at);
  }

  std::vector<bool> stored(events.size());
  for (const auto& [stream, places] : places_by_stream) {
    std::vector<Uuid> ids;
    for (const auto at : places) ids.push_back(batch.lines[at].id);
    const auto found = store_.find(stream, ids);
    if (!found) return std::unexpected(Failure(found.error()));
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto& where = (*found)[i];
      if (!where) continue;
      const auto checked = check_repetition(batch.lines[places[i]], events[places[i]], *where);
      if (!checked) return std::unexpected(checked.error());
      stored[places[i]] = true;
    }
  }
  return stored;
}

// Where an id was there before the import, that is the end of it: contents are not compared. An id
// that this import added itself must come with the same event again, or else one of the two would
// be lost.
Expected<void> ImportAppender::check_repetition(const ImportBatch::Line& line,
                                                const NewEvent& event, const EventLocation& where) {
  if (where.position <= head_before_) return {};
  const auto cursor = store_.read({.selector = SelectStream{event.stream},
                                   .from = where.version.value,
                                   .to = where.version.value,
                                   .limit = 1,
                                   .include_system = true});
  if (!cursor) return std::unexpected(Failure(cursor.error()));
  const auto stored = (*cursor)->next();
  if (!stored) return std::unexpected(Failure(stored.error()));
  // What was deleted meanwhile cannot be compared.
  if (stored->empty() || same_contents(event, stored->front())) return {};
  return std::unexpected(bad_line_failure(
      input_name_,
      {line.number,
       fmt::format("the id {} is that of a line before it too (now at position {}), in "
                   "the same stream, and the events differ; give one of them another id",
                   line.id.to_string(), where.position.value)}));
}

// The failure of an append, with the line that is to blame where there is one.
Failure ImportAppender::explain(const Error& error, const ImportBatch& batch) const {
  if (error.code == ErrorCode::InvalidArgument || error.code == ErrorCode::LimitExceeded) {
    const auto bad = find_bad_line(form_, batch);
    if (bad) return bad_line_failure(input_name_, *bad);
  }
  return error;
}

}  // namespace eventstore::cli
