#include "property/pair.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>

#include "eventstore/validate.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

void agree(const std::optional<std::string>& difference) {
  if (difference) throw std::runtime_error(*difference);
}

// An id of those that the request shares with what is there, and where that is.
void require_truth(const IdConflict& conflict, const AppendRequest& request, const Model& model) {
  const bool is_asked_for = std::ranges::any_of(request.events, [&](const NewEvent& event) {
    return event.stream == conflict.stream && event.id == conflict.id;
  });
  const auto there = model.find(conflict.stream, conflict.id);
  require(is_asked_for && there && there->position == conflict.position,
          "a conflict of ids names what is not so: " + conflict.stream + ' ' +
              conflict.id.to_string() + " at " + std::to_string(conflict.position.value));
}

}  // namespace

Pair::Pair(Hooks hooks) : hooks_(std::move(hooks)), store_(hooks_.open(0)) {}

void Pair::perform(const Plan& plan) {
  std::visit([this](const auto& kind) { apply(kind); }, plan);
  if (hooks_.step) hooks_.step(*store_);
}

void Pair::apply(const AppendPlan& plan) {
  sent_.push_back(request_of(plan, model_));
  send(sent_.back());
}

void Pair::apply(const RetryPlan& plan) {
  if (sent_.empty()) return;
  AppendRequest request = sent_[static_cast<std::size_t>(plan.which) % sent_.size()];
  const auto left_out = static_cast<std::size_t>(plan.events_left_out);
  if (left_out < request.events.size()) request.events.resize(request.events.size() - left_out);
  if (plan.other_checks) {
    request.checks = {{.stream = "a-1", .expected = ExpectedVersion::no_stream()}};
    request.condition = AppendCondition{Query::everything(), {0}};
  }
  send(request);
}

void Pair::apply(const ReadPlan& plan) {
  compare_read(request_of(plan, model_));
}

void Pair::apply(const DeletionPlan& plan) {
  const auto stream = stream_of(plan.check);
  const auto expected = expected_of(plan.check, model_);
  const auto next = model_.version_of(stream).value + 1;
  const auto amount = static_cast<std::uint64_t>(plan.amount);  // -1: beyond all there is
  switch (plan.way) {
    case 0:
      return changed(model_.truncate_stream(stream, {next - amount}, expected),
                     store_->truncate_stream(stream, {next - amount}, expected));
    case 1:
      return retain(stream, plan, expected);
    case 2:
      return changed(model_.delete_stream(stream, expected),
                     store_->delete_stream(stream, expected));
    case 3:
      return changed(model_.tombstone_stream(stream, expected),
                     store_->tombstone_stream(stream, expected));
    default:
      return set_metadata(stream, plan.with_age ? R"({"a":1})" : "{}");
  }
}

void Pair::retain(const std::string& stream, const DeletionPlan& plan, ExpectedVersion expected) {
  Retention retention;
  if (plan.amount > 0) retention.max_count = static_cast<std::uint64_t>(plan.amount);
  if (plan.with_age) retention.max_age = std::chrono::hours(1000 * plan.amount + 2000);
  changed(model_.set_retention(stream, retention, expected),
          store_->set_retention(stream, retention, expected));
}

void Pair::set_metadata(const std::string& stream, const std::string& json) {
  const auto any = ExpectedVersion::any();
  const auto model = model_.set_stream_metadata(stream, json, any);
  const auto actual = store_->set_stream_metadata(stream, json, any);
  agree_on_error("metadata", model, actual);
  if (model) require(*model == *actual, "the version of the metadata is another");
  learn_what_is_new();
}

// Only requests that are well-formed: others end the chain before those are committed that were
// sent before them.
void Pair::apply(const ChainPlan& plan) {
  const auto chain = plan.ends_at_repetitions ? std::make_shared<AppendChain>(GlobalPosition{0})
                                              : std::make_shared<AppendChain>();
  std::vector<AppendRequest> requests;
  std::vector<Result<AppendResult>> expected;
  bool is_broken = false;
  const auto add = [&](AppendRequest request) {
    if (!validate(request)) return;
    expected.push_back(is_broken ? std::unexpected(Error{.code = ErrorCode::Cancelled,
                                                         .message = "the chain is broken",
                                                         .details = {}})
                                 : model_.apply(request));
    is_broken = !expected.back() || (plan.ends_at_repetitions && expected.back()->repeated);
    request.context.chain = chain;
    requests.push_back(std::move(request));
  };
  for (const AppendPlan& append : plan.appends) add(request_of(append, model_));
  if (plan.first_again) add(request_of(plan.appends.front(), model_));
  const auto answers = answers_to(requests);
  for (std::size_t index = 0; index < answers.size(); ++index) {
    judge(requests[index], expected[index], answers[index]);
  }
  count("chains");
  if (is_broken) count("chains that broke");
  learn_what_is_new();
}

std::vector<Result<AppendResult>> Pair::answers_to(const std::vector<AppendRequest>& requests) {
  std::vector<Result<AppendResult>> answers(requests.size());
  std::latch answered(static_cast<std::ptrdiff_t>(requests.size()));
  for (std::size_t index = 0; index < requests.size(); ++index) {
    store_->append_async(requests[index], [&, index](Result<AppendResult> result) {
      answers[index] = std::move(result);
      answered.count_down();
    });
  }
  while (hooks_.step && !answered.try_wait()) hooks_.step(*store_);
  answered.wait();
  return answers;
}

// Ids are remembered: when they are forgotten is the engine's business.
void Pair::apply(const ScavengePlan& /*plan*/) {
  truncate_what_retention_hides();
  const auto report = store_->scavenge({.id_retention = std::chrono::days(365'000)});
  if (report) {
    count("scavenges");
  } else {
    // In a store that has threads, the index may not be written yet.
    require(report.error().code == ErrorCode::Overloaded && !hooks_.step,
            "scavenging: " + report.error().message);
  }
  compare_read({.include_system = true});
}

// Elsewhere than in its stream, it would be gone at a time that is the engine's business.
void Pair::truncate_what_retention_hides() {
  for (const auto& [stream, first] : model_.hidden_by_retention()) {
    const auto any = ExpectedVersion::any();
    changed(model_.truncate_stream(stream, first, any),
            store_->truncate_stream(stream, first, any));
  }
}

void Pair::apply(const TimePlan& plan) {
  if (!hooks_.pass_time) return;
  hooks_.pass_time(std::chrono::days(plan.days));
  // The model's time is that of the newest event.
  AppendRequest request;
  request.events.push_back(event_of("time"));
  send(request);
  if (plan.days > 31) count("times that another month began");
  apply(AppendPlan{.events = {plan.event}, .checks = {}, .condition = {}});
}

void Pair::apply(const ReopenPlan& plan) {
  if (!hooks_.persists) return;
  store_.reset();
  store_ = hooks_.open(plan.segment_size);
  count("stores opened again");
}

void Pair::send(const AppendRequest& request) {
  const auto expected = model_.apply(request);
  judge(request, expected, store_->append(request));
  learn_what_is_new();
}

void Pair::judge(const AppendRequest& request, const Result<AppendResult>& model,
                 const Result<AppendResult>& actual) {
  agree(difference(model, actual));
  if (actual) {
    answer(std::to_string(actual->first_position.value));
    return count(actual->repeated ? "appends repeated" : "appends accepted");
  }
  const auto& error = actual.error();
  const auto* const conflict = std::get_if<IdConflict>(&error.details);
  if (conflict != nullptr) require_truth(*conflict, request, model_);
  answer(error.message);
  count("appends refused: " + std::string(to_string(error.code)));
}

template <typename T>
void Pair::agree_on_error(std::string_view what, const Result<T>& model, const Result<T>& actual) {
  const auto code = [](const Result<T>& result) {
    return std::string(result ? "success" : to_string(result.error().code));
  };
  require(code(model) == code(actual), std::string(what) + ": it should be " + code(model) +
                                           " and is " + code(actual) +
                                           (actual ? "" : ": " + actual.error().message));
  if (!actual) answer(actual.error().message);
}

void Pair::changed(const Result<StreamChange>& model, const Result<StreamChange>& actual) {
  agree_on_error("a deletion", model, actual);
  if (model) {
    require(model->version == actual->version && model->position == actual->position &&
                model->changed == actual->changed,
            "a deletion should be version " + std::to_string(model->version.value) +
                " at position " + std::to_string(model->position.value) + " and is version " +
                std::to_string(actual->version.value) + " at position " +
                std::to_string(actual->position.value));
    count("deletions");
  }
  learn_what_is_new();
}

// Compares what was appended since it was last called.
void Pair::learn_what_is_new() {
  if (model_.head().value == learned_) return agree_on_head();
  const ReadRequest request{.from = learned_ + 1, .include_system = true};
  const auto actual = value_of(try_read(*store_, request));
  require(actual.head == model_.head(), "a read has another head");
  agree(difference(value_of(model_.read(request)), actual.events));
  model_.learn(actual.events);
  learned_ = model_.head().value;
}

void Pair::compare_read(ReadRequest request) {
  const auto expected = model_.read(request);
  const auto actual = try_read(*store_, std::move(request));
  count("reads");
  if (!expected || !actual) {
    const auto outcome = [](const auto& read) -> Result<void> {
      if (!read) return std::unexpected(read.error());
      return {};
    };
    return agree_on_error("a read", outcome(expected), outcome(actual));
  }
  agree(difference(*expected, actual->events));
  require(actual->head == model_.head(), "a read has another head");
  count("events read", expected->size());
}

void Pair::compare_all() {
  compare_read({.include_system = true});
  compare_read({.direction = Direction::Backwards, .include_system = true});
  compare_streams();
  compare_ids();
  agree_on_head();
  const auto stats = value_of(store_->stats());
  require(stats.events == model_.visible().size(), "the store counts other events");
  require(stats.streams == model_.stream_count(), "the store counts other streams");
  require(stats.head == model_.head(), "the store counts another head");
  const auto findings = value_of(store_->verify()).findings;
  require(findings.empty(), findings.empty() ? "" : "verify: " + findings.front().message);
}

void Pair::compare_streams() {
  const ListStreamsRequest list{.include_system = true, .include_deleted = true};
  const auto streams = value_of(store_->list_streams(list));
  require(streams == model_.list_streams(list), "other streams are listed");
  require(value_of(store_->list_streams({.limit = 2})) == model_.list_streams({.limit = 2}),
          "other streams are listed of those that are not deleted");
  for (const StreamInfo& stream : streams) {
    require(value_of(store_->stream_info(stream.stream)) == model_.stream_info(stream.stream),
            "a stream is told otherwise: " + stream.stream);
    compare_read({.selector = SelectStream{stream.stream}});
    compare_read({.selector = SelectStream{stream.stream}, .direction = Direction::Backwards});
    compare_metadata(stream.stream);
  }
}

// The model has no documents: two stores are compared by what they say.
void Pair::compare_metadata(const std::string& stream) {
  const auto metadata = store_->stream_metadata(stream);
  if (!metadata) return answer(metadata.error().message);
  const auto& retention = metadata->retention;
  answer(stream + ' ' + std::to_string(metadata->version.value) + ' ' + metadata->json + ' ' +
         std::to_string(metadata->truncate_before.value) + ' ' +
         std::to_string(retention.max_count.value_or(0)) + ' ' +
         std::to_string(retention.max_age.value_or(std::chrono::seconds(0)).count()));
}

void Pair::compare_ids() {
  std::map<std::string, std::vector<Uuid>> ids;
  for (const RecordedEvent& event : model_.events()) {
    // The nil id: made by the store, and deleted at once.
    if (!event.id.is_nil()) ids[event.stream].push_back(event.id);
  }
  for (auto& [stream, known] : ids) {
    known.push_back(id_of(1'000'000));
    std::vector<std::optional<EventLocation>> expected;
    for (const auto& id : known) expected.push_back(model_.find(stream, id));
    require(value_of(store_->find(stream, known)) == expected,
            "ids are not where their events are, in " + stream);
  }
}

void Pair::agree_on_head() {
  const auto head = value_of(store_->head());
  require(head == model_.head(), "the head is " + std::to_string(head.value) + ", not " +
                                     std::to_string(model_.head().value));
}

}  // namespace eventstore::test
