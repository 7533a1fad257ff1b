#include <algorithm>
#include <utility>

#include "campaigns/checked_store.hpp"
#include "campaigns/deletion.hpp"
#include "campaigns/store_checks.hpp"
#include "support/store_access.hpp"

// What is done to the store, each operation with how its answer is judged.
namespace eventstore::test {
namespace {

// Nothing was decided: the write, the sync or the look at what is there failed.
bool is_failure(ErrorCode code) {
  return code == ErrorCode::OutcomeUnknown || code == ErrorCode::Io || code == ErrorCode::NoSpace ||
         code == ErrorCode::OutOfResources || code == ErrorCode::ReadOnly;
}

template <typename T>
bool failed_as_a_whole(const Result<T>& answer) {
  return !answer && is_failure(answer.error().code);
}

bool has_code(const Result<AppendResult>& answer, ErrorCode code) {
  return !answer && answer.error().code == code;
}

bool wrote(const Result<AppendResult>& answer) {
  return answer && !answer->repeated && !answer->streams.empty();
}

}  // namespace

bool CheckedStore::perform(const Operation& operation) {
  return std::visit([this](const auto& kind) { return apply(kind); }, operation);
}

std::vector<Result<AppendResult>> CheckedStore::answers_to(const CommitGroup& group) {
  std::vector<Result<AppendResult>> answers(group.requests.size());
  under_way_ = group.requests;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto request = group.requests[i];
    store_->append_async(std::move(request), [&answers, i](Result<AppendResult> answer) {
      answers[i] = std::move(answer);
    });
  }
  store_->step();
  under_way_.clear();
  return answers;
}

bool CheckedStore::apply(const CommitGroup& group) {
  const auto faults_before = files_.faults_hit();
  const auto answers = answers_to(group);
  if (std::ranges::any_of(answers, failed_as_a_whole<AppendResult>)) {
    if (!is_excused(faults_before)) {
      const auto& failed = *std::ranges::find_if(answers, failed_as_a_whole<AppendResult>);
      throw Violation{"an append fails without a reason: " + failed.error().message};
    }
    return took_failure(group.requests, answers, faults_before);
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    require(difference(model_.apply(group.requests[i]), answers[i]), "answer of an append");
    if (answers[i]) ++counts_.appends_acknowledged;
  }
  return took_change();
}

bool CheckedStore::took_change() {
  if (files_.crashed()) return false;
  compare_new_events();
  require_head();
  return true;
}

// Without room nothing of what failed may be there, and the store goes on. After a failed look at
// what is there it goes on too. After anything else what failed is in doubt, and the store must
// take no more.
bool CheckedStore::took_failure(const std::vector<AppendRequest>& requests,
                                const std::vector<Result<AppendResult>>& answers,
                                std::uint64_t faults_before) {
  if (!files_.crashed()) ++counts_.failures;
  std::vector<AppendRequest> failed;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (failed_as_a_whole(answers[i])) {
      if (has_code(answers[i], ErrorCode::Io) || has_code(answers[i], ErrorCode::OutcomeUnknown)) {
        failed.push_back(requests[i]);
      }
      continue;
    }
    // What needs no writing is answered all the same, and so is who had nothing to do with it.
    require(difference(model_.apply(requests[i]), answers[i]), "answer beside a failure");
  }
  const auto any = [&](ErrorCode code) {
    return std::ranges::any_of(answers,
                               [code](const auto& answer) { return has_code(answer, code); });
  };
  const bool some_wrote = std::ranges::any_of(answers, wrote);
  if (some_wrote && any(ErrorCode::OutcomeUnknown)) {
    throw Violation{"a member of a failed group was told of success"};
  }
  if (files_.crashed()) {
    in_doubt_ = std::move(failed);
    may_lack_members_ = files_.faults_hit() != faults_before;
    return false;
  }
  if (is_alive()) {
    if (any(ErrorCode::OutcomeUnknown) || any(ErrorCode::ReadOnly)) {
      throw Violation{"the store went on after a failure that it cannot judge"};
    }
    return took_change();
  }
  // Where some of a group was committed, what failed was left out of it.
  if (!some_wrote) in_doubt_ = std::move(failed);
  may_lack_members_ = true;
  return false;
}

// Whether the store takes appends: asked with one that writes nothing. It may itself meet a fault
// that stops the store, so it is asked twice.
bool CheckedStore::is_alive() {
  const auto is_stopped = [this] {
    AppendRequest nothing;
    nothing.checks.push_back({.stream = "s0-0", .expected = ExpectedVersion::any()});
    return has_code(store_->append(std::move(nothing)), ErrorCode::ReadOnly);
  };
  return !is_stopped() && !is_stopped();
}

// What is appended for it is in doubt where it fails, as any append is.
bool CheckedStore::apply(const DeleteFromStream& deletion) {
  const auto faults_before = files_.faults_hit();
  auto after = model_;
  const auto expected = delete_from(after, deletion);
  under_way_ = {appended_since(model_, after)};
  const auto answer = delete_from(*store_, deletion);
  const auto requests = std::exchange(under_way_, {});
  if (failed_as_a_whole(answer)) {
    if (!is_excused(faults_before)) {
      throw Violation{"a deletion fails without a reason: " + answer.error().message};
    }
    return took_failure(requests, {std::unexpected(answer.error())}, faults_before);
  }
  require(difference(expected, answer), "answer of a deletion");
  if (answer) ++counts_.deletions_acknowledged;
  model_ = std::move(after);
  return took_change();
}

bool CheckedStore::apply(const WorkInBackground& /*work*/) {
  store_->step();  // what fails is tried again
  return !files_.crashed();
}

// It finds nothing wrong, whatever crashed or failed before.
bool CheckedStore::apply(const Scrub& scrub) {
  const auto faults_before = files_.faults_hit();
  const auto known = store_->health().scrub.findings.size();
  store_->scrub_step(scrub.bytes);
  const auto findings = store_->health().scrub.findings;
  if (findings.size() > known && !is_excused(faults_before)) {
    throw Violation{"a false alarm of the background check: " + findings.back().message};
  }
  return !files_.crashed();
}

bool CheckedStore::apply(const Scavenge& scavenge) {
  for (const auto& [stream, first] : model_.hidden_by_retention()) {
    const DeleteFromStream truncation{
        .kind = DeleteFromStream::Kind::Truncate, .stream = stream, .before = first};
    if (!apply(truncation)) return false;
  }
  if (!model_.hidden_by_retention().empty()) return true;  // one of them failed
  constexpr std::chrono::seconds kThousandYears{std::int64_t{1000} * 365 * 24 * 3600};
  forgets_ids_ = forgets_ids_ || scavenge.forgets_ids;
  const auto faults_before = files_.faults_hit();
  const auto report = store_->scavenge(
      {.id_retention = scavenge.forgets_ids ? std::chrono::seconds(0) : kThousandYears});
  if (files_.crashed()) return false;
  if (report) {
    ++counts_.scavenges;
  } else if (!is_excused(faults_before)) {
    throw Violation{"scavenging fails without a reason: " + report.error().message};
  }
  files_.suspend_faults(true);
  learn_what_is_forgotten();
  const auto problem = compare_read(*store_, model_, {.include_system = true});
  files_.suspend_faults(false);
  require(problem, "after scavenging");
  return true;
}

bool CheckedStore::apply(const PassTime& time) {
  if (time.wall_only) {
    clock_.set_wall(clock_.wall_now() + time.by);
  } else {
    clock_.advance(time.by);
  }
  return true;
}

// A process that only reads sees what was acknowledged, whatever the writer is at.
bool CheckedStore::apply(const LookFromOutside& look) {
  const auto faults_before = files_.faults_hit();
  if (reader_ == nullptr || look.anew) {
    auto opened = try_open(true);
    if (!opened) {
      if (is_excused(faults_before)) return !files_.crashed();
      throw Violation{"a reader does not open: " + opened.error().message};
    }
    reader_ = *std::move(opened);
  }
  const auto problem = compare_read(*reader_, model_, {.include_system = true});
  if (problem && !is_excused(faults_before)) require(problem, "seen by another process");
  return !files_.crashed();
}

bool CheckedStore::apply(const Reopen& /*reopen*/) {
  close();
  return !files_.crashed() && open();
}

bool CheckedStore::apply(const AskEverything& /*ask*/) {
  const auto faults_before = files_.faults_hit();
  const auto problem = first_disagreement(*store_, model_, random_);
  if (problem && !is_excused(faults_before)) require(problem, "when asked");
  return !files_.crashed();
}

}  // namespace eventstore::test
