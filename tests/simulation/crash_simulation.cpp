#include "simulation/crash_simulation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "core/seeded_random.hpp"
#include "core/simulated_clock.hpp"
#include "core/simulated_file_system.hpp"
#include "log/log_store.hpp"
#include "simulation/request_maker.hpp"
#include "simulation/store_checks.hpp"
#include "support/model.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using Crash = SimulatedFileSystem::Crash;

// Thrown where the engine breaks a promise; ends the simulation.
struct Violation {
  std::string what;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : random_(seed), ids_(seed + 1), files_(seed + 2), maker_(random_) {
    // Tiny limits, so that what is rare in production happens all the time.
    constexpr std::array<std::uint64_t, 3> kSegmentSizes = {8192, 16384, 65536};
    constexpr std::array<std::uint64_t, 3> kPrewrite = {0, 1024, 4096};
    options_.segment_bytes_max = kSegmentSizes.at(random_.below(kSegmentSizes.size()));
    tuning_ = {.prewrite_bytes = kPrewrite.at(random_.below(kPrewrite.size())),
               .run_events_max = 1 + random_.below(20),
               .merge_width = 2 + random_.below(3),
               .threads = false};
    with_faults_ = random_.chance(1, 3);
    with_reader_ = random_.chance(1, 3);
  }

  SimulationOutcome run(int cycles) {
    try {
      open_store();
      for (int cycle = 0; cycle < cycles; ++cycle) {
        live();
        die();
        open_store();
      }
    } catch (const Violation& violation) {
      outcome_.violation = violation.what;
    }
    reader_.reset();
    store_.reset();
    outcome_.events = model_.events().size();
    outcome_.trace_hash = files_.trace_hash();
    return outcome_;
  }

 private:
  Environment environment() { return {.files = &files_, .clock = &clock_, .random = &ids_}; }

  Result<std::unique_ptr<log::LogStore>> try_open(bool read_only) {
    auto options = options_;
    options.read_only = read_only;
    return log::LogStore::open(environment(), "store", options, tuning_, "simulated", nullptr);
  }

  // Opens the store, crashing on the way now and then, and holds it against the model.
  void open_store() {
    for (int depth = 0;; ++depth) {
      if (depth < 3 && random_.chance(1, 4)) files_.crash_after(1 + random_.below(12));
      auto opened = try_open(false);
      if (opened) {
        store_ = *std::move(opened);
        break;
      }
      if (!files_.crashed()) throw Violation{"the store does not open: " + opened.error().message};
      ++outcome_.crashes_in_recovery;
      restart();
    }
    settle();
  }

  // What was in doubt when the crash came is there as a whole or not at all, and stays so.
  void settle() {
    const auto actual = or_violation(read_all(*store_), "reading all");
    auto with_doubt = model_;
    std::uint64_t accepted = 0;
    for (const auto& request : in_doubt_) {
      const auto applied = with_doubt.apply(request);
      if (applied && !applied->repeated && !request.events.empty()) ++accepted;
    }
    if (accepted > 0 && or_violation(store_->head(), "head") == with_doubt.head()) {
      model_ = std::move(with_doubt);
      outcome_.appends_in_doubt_present += accepted;
      learn(actual);
    } else {
      outcome_.appends_in_doubt_absent += accepted;
    }
    in_doubt_.clear();
    require(difference(model_.visible(), actual), "after reopening");
    learn(actual);  // the crash may have come right after an answer
    require(first_disagreement(*store_, model_, random_), "after reopening");
  }

  // Works until the store fails, as it does when the crash comes, or for a while.
  void live() {
    files_.crash_after(1 + random_.below(60));
    if (with_faults_ && random_.chance(1, 2)) inject_fault();
    for (int round = 0; round < 40 && !files_.crashed(); ++round) {
      const auto action = random_.below(10);
      if (action < 7) {
        if (!commit_group()) break;
      } else if (action == 7) {
        store_->step();
        scrub();
      } else if (action == 8) {
        clock_.advance(std::chrono::milliseconds(random_.below(5000)));
      } else if (with_reader_) {
        look_from_another_process();
      }
    }
    files_.clear_faults();
  }

  void inject_fault() {
    using Call = SimulatedFileSystem::Call;
    constexpr std::array kCalls = {Call::Write, Call::Sync, Call::Create, Call::Rename,
                                   Call::SyncDirectory};
    const auto call = kCalls.at(random_.below(kCalls.size()));
    constexpr std::array kErrors = {EIO, ENOSPC, ENOSPC, EDQUOT, EMFILE};
    const int error = call == Call::Sync ? EIO : kErrors.at(random_.below(kErrors.size()));
    files_.inject({.call = call, .nth = 1 + random_.below(20), .error_number = error});
  }

  // Commits some appends as one group, and compares every answer with the model's. False: the store
  // takes no more.
  bool commit_group() {
    const auto size = 1 + random_.below(4);
    std::vector<AppendRequest> group;
    for (std::uint64_t i = 0; i < size; ++i) group.push_back(maker_.make(model_));
    std::vector<Result<AppendResult>> answers(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
      auto request = group[i];
      store_->append_async(std::move(request), [&answers, i](Result<AppendResult> answer) {
        answers[i] = std::move(answer);
      });
    }
    const auto segments_before = files_.disk().files().size();
    const auto head_before = model_.head();
    store_->step();
    if (files_.disk().files().size() > segments_before) ++outcome_.rolls;

    if (std::ranges::any_of(answers,
                            [](const auto& answer) { return failed_as_a_whole(answer); })) {
      return took_failure(group, answers);
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      const auto expected = model_.apply(group[i]);
      require(difference(expected, answers[i]), "answer of an append");
      if (answers[i]) ++outcome_.appends_acknowledged;
    }
    if (files_.crashed()) return false;
    learn(or_violation(read_all(*store_, head_before.value + 1), "reading back"));
    require_head();
    return true;
  }

  static bool is_without_room(ErrorCode code) {
    return code == ErrorCode::NoSpace || code == ErrorCode::OutOfResources;
  }

  static bool failed_as_a_whole(const Result<AppendResult>& answer) {
    if (answer) return false;
    const auto code = answer.error().code;
    return code == ErrorCode::OutcomeUnknown || code == ErrorCode::Io || is_without_room(code) ||
           code == ErrorCode::ReadOnly;
  }

  // The group failed as one. Without room nothing of it may be there, and the store goes on; after
  // anything else it is in doubt, and the store must take no more.
  bool took_failure(const std::vector<AppendRequest>& group,
                    const std::vector<Result<AppendResult>>& answers) {
    const auto code = std::ranges::find_if(answers, failed_as_a_whole)->error().code;
    if (!files_.crashed()) ++outcome_.faults;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) continue;
      // What needs no writing is answered without room, and may be after a crash in the middle.
      const bool wrote = !answers[i]->repeated && !answers[i]->streams.empty();
      if (wrote || !(files_.crashed() || is_without_room(code))) {
        throw Violation{"a member of a failed group was told of success"};
      }
      require(difference(model_.apply(group[i]), answers[i]), "answer of an append without room");
    }
    if (is_without_room(code)) {
      require_head();
      return true;
    }
    if (code != ErrorCode::ReadOnly) in_doubt_ = group;
    if (files_.crashed()) return false;
    const auto again = store_->append(maker_.make(model_));
    if (again || again.error().code != ErrorCode::ReadOnly) {
      throw Violation{"the store went on after a failure that it cannot judge"};
    }
    return false;
  }

  // The background check finds nothing wrong, whatever crashed or failed before.
  void scrub() {
    store_->scrub_step(random_.below(20'000));
    const auto found = store_->health().scrub.findings;
    if (!found.empty() && !files_.crashed()) {
      throw Violation{"a false alarm: " + found.front().message};
    }
  }

  // A process that only reads sees what was acknowledged, whatever the writer is at.
  void look_from_another_process() {
    if (reader_ == nullptr || random_.chance(1, 3)) {
      auto opened = try_open(true);
      if (!opened) {
        if (files_.crashed() || with_faults_) return;
        throw Violation{"a reader does not open: " + opened.error().message};
      }
      reader_ = *std::move(opened);
    }
    const auto seen = read_all(*reader_);
    if (!seen) {
      if (files_.crashed() || with_faults_) return;
      throw Violation{"a reader fails: " + seen.error().message};
    }
    require(difference(model_.visible(), *seen), "seen by another process");
  }

  // A closing store, one that is killed, or a machine that stops.
  void die() {
    ++outcome_.crashes;
    if (!files_.crashed() && random_.chance(1, 4)) store_.reset();
    restart();
  }

  void restart() {
    const bool power_loss = random_.chance(1, 2);
    if (power_loss) ++outcome_.power_losses;
    // What the dying process would still do must not reach the disk.
    if (!files_.crashed()) files_.crash_after(1);
    reader_.reset();
    store_.reset();
    files_.restart(power_loss ? Crash::PowerLoss : Crash::ProcessKill);
  }

  void require(const std::optional<std::string>& problem, const char* when) {
    if (problem) throw Violation{std::string(when) + ": " + *problem};
  }

  void require_head() {
    const auto head = or_violation(store_->head(), "head");
    if (head != model_.head()) {
      throw Violation{"the head is " + std::to_string(head.value) + ", not " +
                      std::to_string(model_.head().value)};
    }
  }

  template <typename T>
  T or_violation(Result<T> result, const char* what) {
    if (!result) throw Violation{std::string(what) + ": " + result.error().message};
    return *std::move(result);
  }

  void learn(const std::vector<RecordedEvent>& actual) { model_.learn(actual); }

  SeededRandom random_;
  SeededRandom ids_;
  SimulatedFileSystem files_;
  SimulatedClock clock_;
  RequestMaker maker_;
  OpenOptions options_;
  log::LogStoreTuning tuning_;
  bool with_faults_ = false;
  bool with_reader_ = false;

  std::unique_ptr<log::LogStore> store_;
  std::unique_ptr<log::LogStore> reader_;
  Model model_;                          // what was acknowledged
  std::vector<AppendRequest> in_doubt_;  // one group that may be there too
  SimulationOutcome outcome_;
};

}  // namespace

SimulationOutcome& SimulationOutcome::operator+=(const SimulationOutcome& other) {
  if (!violation) violation = other.violation;
  crashes += other.crashes;
  crashes_in_recovery += other.crashes_in_recovery;
  power_losses += other.power_losses;
  appends_acknowledged += other.appends_acknowledged;
  appends_in_doubt_present += other.appends_in_doubt_present;
  appends_in_doubt_absent += other.appends_in_doubt_absent;
  faults += other.faults;
  rolls += other.rolls;
  events += other.events;
  trace_hash = mix_bits(trace_hash ^ other.trace_hash);
  return *this;
}

std::string describe(const SimulationOutcome& outcome) {
  const auto count = [](std::uint64_t number, const char* what) {
    return std::to_string(number) + what;
  };
  return count(outcome.crashes, " crashes (") + count(outcome.power_losses, " power losses, ") +
         count(outcome.crashes_in_recovery, " in recovery), ") +
         count(outcome.appends_acknowledged, " appends acknowledged, in doubt ") +
         count(outcome.appends_in_doubt_present, " present and ") +
         count(outcome.appends_in_doubt_absent, " absent, ") + count(outcome.faults, " faults, ") +
         count(outcome.rolls, " commits that rolled, ") + count(outcome.events, " events");
}

SimulationOutcome simulate(std::uint64_t seed, int cycles) {
  return Simulation(seed).run(cycles);
}

}  // namespace eventstore::test
