#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eventstore/event_store.hpp"
#include "property/operations.hpp"
#include "support/model.hpp"

namespace eventstore::test {

// A store and the model beside it: whatever is done to both must look the same. What does not is
// thrown, as a std::runtime_error.
//
// One thread at a time.
class Pair {
 public:
  struct Hooks {
    std::function<std::unique_ptr<EventStore>(int segment_size)> open;
    bool persists = true;  // what is in the store is there when it is opened again
    // Lets time go on for the store; absent: its time is not the test's.
    std::function<void(std::chrono::hours by)> pass_time = {};
    // Gives a store without threads its turn; absent: it has some.
    std::function<void(EventStore& store)> step = {};
  };

  explicit Pair(Hooks hooks);

  void perform(const Plan& plan);

  // Everything that can be asked, at the end.
  void compare_all();

  const Model& model() const { return model_; }

  // What was counted of what was done, by name.
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

  // What the store said since the last call, with the messages of errors, to be held against what
  // another one says: a line each.
  std::string take_answers() { return std::exchange(answers_, {}); }

 private:
  void apply(const AppendPlan& plan);
  void apply(const RetryPlan& plan);
  void apply(const ReadPlan& plan);
  void apply(const DeletionPlan& plan);
  void apply(const ChainPlan& plan);
  void apply(const ScavengePlan& plan);
  void apply(const TimePlan& plan);
  void apply(const ReopenPlan& plan);

  void send(const AppendRequest& request);
  std::vector<Result<AppendResult>> answers_to(const std::vector<AppendRequest>& requests);
  void retain(const std::string& stream, const DeletionPlan& plan, ExpectedVersion expected);
  void set_metadata(const std::string& stream, const std::string& json);
  void judge(const AppendRequest& request, const Result<AppendResult>& model,
             const Result<AppendResult>& actual);
  template <typename T>
  void agree_on_error(std::string_view what, const Result<T>& model, const Result<T>& actual);
  void changed(const Result<StreamChange>& model, const Result<StreamChange>& actual);
  void truncate_what_retention_hides();
  void learn_what_is_new();
  void compare_read(ReadRequest request);
  void compare_streams();
  void compare_metadata(const std::string& stream);
  void compare_ids();
  void agree_on_head();
  void answer(const std::string& text) { answers_ += text + '\n'; }
  void count(const std::string& name, std::uint64_t more = 1) { counts_[name] += more; }

  const Hooks hooks_;
  std::unique_ptr<EventStore> store_;
  Model model_;
  std::uint64_t learned_ = 0;
  std::vector<AppendRequest> sent_;
  std::map<std::string, std::uint64_t> counts_;
  std::string answers_;
};

}  // namespace eventstore::test
