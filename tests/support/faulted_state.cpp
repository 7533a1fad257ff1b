#include "support/faulted_state.hpp"

#include <utility>

#include "support/forwarding_transaction.hpp"

namespace eventstore::test {
namespace {

Error died() {
  return {.code = ErrorCode::Io, .message = "the process has died"};
}

Error failed(FaultedState::When when) {
  if (when == FaultedState::When::Before) {
    return {.code = ErrorCode::Unavailable, .message = "the database did not answer"};
  }
  return {.code = ErrorCode::OutcomeUnknown, .message = "the answer was lost"};
}

Error is_over() {
  return {.code = ErrorCode::InvalidArgument, .message = "the transaction has failed before"};
}

}  // namespace

class FaultedState::Transaction final : public ForwardingTransaction {
 public:
  Transaction(FaultedState& database, std::unique_ptr<StateTransaction> below)
      : ForwardingTransaction(std::move(below)), database_(database) {}

  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) override {
    return call([&] { return ForwardingTransaction::run(sql, parameters); });
  }
  Result<std::uint64_t> run_each(std::string_view sql,
                                 std::span<const std::vector<SqlParameter>> rows) override {
    return call([&] { return ForwardingTransaction::run_each(sql, rows); });
  }
  Result<void> run_script(std::string_view script) override {
    return call([&] { return ForwardingTransaction::run_script(script); });
  }
  Result<void> replace_view(std::string_view name, std::string_view select) override {
    return call([&] { return ForwardingTransaction::replace_view(name, select); });
  }
  Timestamp now() const override { return ForwardingTransaction::now() + database_.ahead_; }
  Result<void> lock(std::string_view name) override {
    return call([&] { return ForwardingTransaction::lock(name); });
  }
  Result<void> commit() override {
    return call([&] { return ForwardingTransaction::commit(); });
  }

 private:
  // After a failure nothing more can be done in the transaction.
  template <typename Call>
  auto call(const Call& make) -> decltype(make()) {
    if (is_over_) return std::unexpected(is_over());
    auto done = database_.call(make);
    is_over_ = !done;
    return done;
  }

  FaultedState& database_;
  bool is_over_ = false;
};

FaultedState::~FaultedState() = default;

void FaultedState::die_at(Fault fault) {
  const std::scoped_lock lock(mutex_);
  fault_ = fault;
}

void FaultedState::hang_at(std::uint64_t call) {
  const std::scoped_lock lock(mutex_);
  hang_at_ = call;
}

bool FaultedState::wait_until_it_hangs() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return hangs_; });
}

void FaultedState::let_go() {
  const std::scoped_lock lock(mutex_);
  is_let_go_ = true;
  changed_.notify_all();
}

std::uint64_t FaultedState::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

bool FaultedState::has_died() const {
  const std::scoped_lock lock(mutex_);
  return has_died_;
}

bool FaultedState::has_failed() const {
  const std::scoped_lock lock(mutex_);
  return has_failed_;
}

FaultedState::Fate FaultedState::next_call(bool begins) {
  std::unique_lock lock(mutex_);
  ++calls_;
  if (begins && hang_at_ && calls_ >= *hang_at_ && !is_let_go_) {
    hangs_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_let_go_; });
  }
  if (has_died_) return {.before = died()};
  if (!fault_ || calls_ < fault_->call) return {};
  const auto fault = *fault_;
  if (fault.passes) {
    fault_.reset();
    has_failed_ = true;
  } else {
    has_died_ = true;
  }
  auto error = fault.passes ? failed(fault.when) : died();
  if (fault.when == When::Before) return {.before = std::move(error)};
  return {.after = std::move(error)};
}

template <typename Call>
auto FaultedState::call(const Call& make, bool begins) -> decltype(make()) {
  auto fate = next_call(begins);
  if (fate.before) return std::unexpected(*std::move(fate.before));
  auto done = make();
  if (fate.after) return std::unexpected(*std::move(fate.after));
  return done;
}

Result<std::unique_ptr<StateTransaction>> FaultedState::begin(Deadline deadline) {
  return call(
      [&]() -> Result<std::unique_ptr<StateTransaction>> {
        auto below = below_.begin(deadline);
        if (!below) return below;
        return std::make_unique<Transaction>(*this, *std::move(below));
      },
      /*begins=*/true);
}

Result<std::unique_ptr<StateTransaction>> FaultedState::begin_read(Deadline deadline) {
  return call(
      [&]() -> Result<std::unique_ptr<StateTransaction>> {
        auto below = below_.begin_read(deadline);
        if (!below) return below;
        return std::make_unique<Transaction>(*this, *std::move(below));
      },
      /*begins=*/true);
}

}  // namespace eventstore::test
