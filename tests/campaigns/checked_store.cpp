#include "campaigns/checked_store.hpp"

#include <algorithm>
#include <utility>

#include "campaigns/deletion.hpp"
#include "campaigns/store_checks.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using Call = SimulatedFileSystem::Call;
using Crash = SimulatedFileSystem::Crash;

// Whether the first event of the request is the one behind the model's last.
bool is_next(EventStore& store, const Model& model, const AppendRequest& request) {
  if (request.events.empty() || !request.events.front().id) return true;
  const auto& first = request.events.front();
  const auto found = store.find(first.stream, std::vector{*first.id});
  return found && found->front() && found->front()->position.value == model.head().value + 1;
}

template <typename T>
T or_violation(Result<T> result, const char* what) {
  if (!result) throw Violation{std::string(what) + ": " + result.error().message};
  return *std::move(result);
}

}  // namespace

void require(const std::optional<std::string>& problem, const char* when) {
  if (problem) throw Violation{std::string(when) + ": " + *problem};
}

CheckedStore::CheckedStore(std::uint64_t seed, const StoreLimits& limits, SimulatedDisk disk)
    : random_(seed), ids_(seed + 1), files_(seed + 2, std::move(disk)), limits_(limits) {}

CheckedStore::~CheckedStore() {
  files_.on_call({});
}

Result<std::unique_ptr<log::LogStore>> CheckedStore::try_open(bool read_only) {
  OpenOptions options;
  options.segment_bytes_max = limits_.segment_bytes_max;
  options.read_only = read_only;
  options.on_notice = [this](const Notice& notice) {
    if (notice.level != Notice::Level::Info) notices_.push_back(notice.message);
  };
  return log::LogStore::open(environment(), "store", options,
                             {.prewrite_bytes = limits_.prewrite_bytes,
                              .run_events_max = limits_.run_events_max,
                              .merge_width = limits_.merge_width,
                              .threads = false},
                             "simulated", nullptr);
}

bool CheckedStore::is_excused(std::uint64_t faults_before) const {
  return files_.crashed() || files_.faults_hit() != faults_before;
}

bool CheckedStore::open() {
  const auto faults_before = files_.faults_hit();
  auto opened = try_open(false);
  if (!opened) {
    if (!is_excused(faults_before)) {
      throw Violation{"the store does not open: " + opened.error().message};
    }
    if (!files_.crashed()) {
      ++counts_.failed_openings;
      require_no_handles();
    }
    return false;
  }
  store_ = *std::move(opened);
  files_.suspend_faults(true);
  settle();
  files_.suspend_faults(false);
  return true;
}

void CheckedStore::close() {
  reader_.reset();
  store_.reset();
  require_no_handles();
}

void CheckedStore::require_no_handles() {
  if (reader_ == nullptr && store_ == nullptr && files_.handles() != 0) {
    throw Violation{"files, locks or pages are still held: " + std::to_string(files_.handles())};
  }
}

void CheckedStore::restart(Crash crash) {
  // What the dying process would still do must not reach the disk.
  if (!files_.crashed()) files_.crash_after(1);
  close();
  files_.restart(crash);
}

void CheckedStore::kill_at_rest() {
  files_.restart(Crash::ProcessKill);
  close();
}

void CheckedStore::know(const Model& model, std::vector<AppendRequest> in_doubt) {
  model_ = model;
  forgets_ids_ = true;
  in_doubt_ = std::move(in_doubt);
  may_lack_members_ = false;
}

// What `store` shows of what is in doubt. A group is there as a whole or not at all, but for
// members that were left out of it because a call failed while they were decided.
Model CheckedStore::model_with_doubt(EventStore& store) const {
  auto model = model_;
  for (const auto& request : in_doubt_) {
    if (may_lack_members_ && !is_next(store, model, request)) continue;
    static_cast<void>(model.apply(request));  // or refuses
  }
  return model;
}

// What is in doubt it may see as a whole or not at all; and what it has seen must stay.
void CheckedStore::look_before_opening() {
  const auto faults_before = files_.faults_hit();
  auto opened = try_open(true);
  const bool is_made = model_.head().value != 0;
  if (!opened) {
    if (!is_made || is_excused(faults_before)) return;
    throw Violation{"a reader does not open: " + opened.error().message};
  }
  reader_ = *std::move(opened);
  const auto head = reader_->head();
  if (!head && is_excused(faults_before)) return;
  const bool is_whole = or_violation(head, "head of a reader") == model_.head();
  const auto problem = compare_read(*reader_, is_whole ? model_ : model_with_doubt(*reader_),
                                    {.include_system = true});
  if (problem && is_excused(faults_before)) return;
  require(problem, "seen by a reader without a writer");
  seen_ = std::max(seen_, *head);
}

// What was in doubt is there as a whole or not at all, and stays so.
void CheckedStore::settle() {
  const auto head = or_violation(store_->head(), "head after opening");
  learn_what_is_forgotten();
  if (!in_doubt_.empty()) {
    auto with_doubt = model_with_doubt(*store_);
    const auto count = std::exchange(in_doubt_, {}).size();
    const bool present = with_doubt.head() > model_.head() && head == with_doubt.head();
    (present ? counts_.appends_in_doubt_present : counts_.appends_in_doubt_absent) += count;
    if (present) model_ = std::move(with_doubt);
  }
  if (head < seen_) throw Violation{"what a reader has seen is gone after opening"};
  require_head();
  if (asks_little_) return;
  require(compare_read(*store_, model_, {.include_system = true},
                       [this](const EventView& event) { model_.learn(event); }),
          "after opening");
  require(first_disagreement(*store_, model_, random_), "after opening");
}

// What is not learned yet is new.
void CheckedStore::compare_new_events() {
  const auto& events = model_.events();
  auto known = events.size();
  while (known > 0 && events[known - 1].recorded_at == Timestamp{}) --known;
  if (known == events.size()) return;
  const auto faults_before = files_.faults_hit();
  const auto problem = compare_read(*store_, model_, {.from = known + 1, .include_system = true},
                                    [this](const EventView& event) { model_.learn(event); });
  if (problem && !is_excused(faults_before)) require(problem, "read back");
}

// Which ids scavenging took: only those that it may.
void CheckedStore::learn_what_is_forgotten() {
  if (!forgets_ids_) return;
  for (const auto* event : model_.forgettable()) {
    const auto found = or_violation(store_->find(event->stream, std::vector{event->id}), "find");
    if (found.front()) continue;
    ++counts_.ids_forgotten;
    model_.forget(*event);
  }
}

void CheckedStore::look_in_between(bool wanted) {
  if (wanted) {
    files_.on_call([this](Call call) { look(call); });
  } else {
    files_.on_call({});
  }
}

// In the middle of a commit: what is visible by now is either acknowledged or part of that commit,
// and it must stay, whatever happens next.
void CheckedStore::look(Call call) {
  if (under_way_.empty() || !SimulatedFileSystem::is_mutating(call)) return;
  for (auto* store : {store_.get(), reader_.get()}) {
    if (store == nullptr) continue;
    ++counts_.looks_in_between;
    const auto head = store->head();
    if (head && *head > model_.head()) seen_ = std::max(seen_, *head);
  }
}

void CheckedStore::require_head() {
  const auto head = or_violation(store_->head(), "head");
  if (head != model_.head()) {
    throw Violation{"the head is " + std::to_string(head.value) + ", not " +
                    std::to_string(model_.head().value)};
  }
}

}  // namespace eventstore::test
