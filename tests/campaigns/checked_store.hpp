#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "campaigns/operations.hpp"
#include "campaigns/violation.hpp"
#include "core/seeded_random.hpp"
#include "core/simulated_clock.hpp"
#include "core/simulated_file_system.hpp"
#include "log/log_store.hpp"
#include "support/model.hpp"

namespace eventstore::test {

struct StoreLimits {
  std::uint64_t segment_bytes_max = 8192;
  std::uint64_t prewrite_bytes = 1024;
  std::uint64_t run_events_max = 10;
  std::size_t merge_width = 2;
};

// What happened, to be counted.
struct StoreCounts {
  std::uint64_t appends_acknowledged = 0;
  std::uint64_t deletions_acknowledged = 0;
  std::uint64_t scavenges = 0;  // that came to their end
  std::uint64_t ids_forgotten = 0;
  std::uint64_t appends_in_doubt_present = 0;  // after the store was opened again
  std::uint64_t appends_in_doubt_absent = 0;
  std::uint64_t failures = 0;          // operations that failed for an injected fault
  std::uint64_t failed_openings = 0;   // by a fault, without a crash
  std::uint64_t looks_in_between = 0;  // of a reader while a commit was under way
};

// A store on a simulated machine, and the model beside it. Every answer of the store is held
// against the model's; one that differs without a crash or a fault to excuse it is a Violation.
// Without threads: one seed decides everything.
class CheckedStore {
 public:
  CheckedStore(std::uint64_t seed, const StoreLimits& limits, SimulatedDisk disk = {});
  ~CheckedStore();
  CheckedStore(const CheckedStore&) = delete;
  CheckedStore& operator=(const CheckedStore&) = delete;

  // Opens the store for writing, and settles what was in doubt. False: a crash or a fault came in
  // between, and nothing is held.
  bool open();
  bool is_open() const { return store_ != nullptr; }
  // A reader opens the store while no writer has it, and stays.
  void look_before_opening();
  void close();

  // Does something to the open store. False: it takes no more, for a crash or a fault.
  bool perform(const Operation& operation);

  // The machine stops now, if it did not yet, and starts again.
  void restart(SimulatedFileSystem::Crash crash);

  // The process is killed while it does nothing, and another one begins.
  void kill_at_rest();

  // Asks less of the store when it is opened: for making one that is looked at later.
  void ask_little() { asks_little_ = true; }
  void ask_everything() { asks_little_ = false; }

  // What the engine told its operator, errors and warnings alone.
  const std::vector<std::string>& notices() const { return notices_; }

  // A reader looks in the middle of commits, now and then: what it sees must stay.
  void look_in_between(bool wanted);

  SimulatedFileSystem& files() { return files_; }
  SimulatedClock& clock() { return clock_; }
  log::LogStore& store() { return *store_; }
  // What was acknowledged; and what may be there besides, in the order it would be.
  const Model& model() const { return model_; }
  // What is being committed, for who looks in the middle of that.
  const std::vector<AppendRequest>& under_way() const { return under_way_; }
  const StoreCounts& counts() const { return counts_; }

  // Takes over what another one knows, for a copy of its disk.
  void know(const Model& model, std::vector<AppendRequest> in_doubt);

 private:
  bool apply(const CommitGroup& group);
  bool apply(const DeleteFromStream& deletion);
  bool apply(const WorkInBackground& work);
  bool apply(const Scrub& scrub);
  bool apply(const Scavenge& scavenge);
  bool apply(const PassTime& time);
  bool apply(const LookFromOutside& look);
  bool apply(const Reopen& reopen);
  bool apply(const AskEverything& ask);

  Environment environment() { return {.files = &files_, .clock = &clock_, .random = &ids_}; }
  Result<std::unique_ptr<log::LogStore>> try_open(bool read_only);
  void settle();
  void learn_what_is_forgotten();
  Model model_with_doubt(EventStore& store) const;
  std::vector<Result<AppendResult>> answers_to(const CommitGroup& group);
  bool took_failure(const std::vector<AppendRequest>& requests,
                    const std::vector<Result<AppendResult>>& answers, std::uint64_t faults_before);
  bool took_change();
  bool is_alive();
  void look(SimulatedFileSystem::Call call);
  void compare_new_events();
  // Whether an error that came since `faults_before` is one that was injected.
  bool is_excused(std::uint64_t faults_before) const;
  void require_head();
  void require_no_handles();

  SeededRandom random_;
  SeededRandom ids_;
  SimulatedFileSystem files_;
  SimulatedClock clock_;
  StoreLimits limits_;

  std::unique_ptr<log::LogStore> store_;
  std::unique_ptr<log::LogStore> reader_;
  Model model_;
  std::vector<AppendRequest> in_doubt_;
  bool may_lack_members_ = false;  // of what is in doubt
  bool forgets_ids_ = false;       // a scavenge may have taken some
  std::vector<AppendRequest> under_way_;
  GlobalPosition seen_;  // by a reader
  bool asks_little_ = false;
  std::vector<std::string> notices_;
  StoreCounts counts_;
};

// Throws where there is a problem.
void require(const std::optional<std::string>& problem, const char* when);

}  // namespace eventstore::test
