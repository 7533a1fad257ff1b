#include "support/faulted_state.hpp"

#include <utility>

namespace eventstore::test {
namespace {

Error died() {
  return {.code = ErrorCode::Io, .message = "the process has died"};
}

}  // namespace

class FaultedState::Transaction final : public StateTransaction {
 public:
  Transaction(FaultedState& database, std::unique_ptr<StateTransaction> below)
      : database_(database), below_(std::move(below)) {}

  using StateTransaction::run;
  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) override {
    return database_.call([&] { return below_->run(sql, parameters); });
  }
  Result<std::uint64_t> run_each(std::string_view sql,
                                 std::span<const std::vector<SqlParameter>> rows) override {
    return database_.call([&] { return below_->run_each(sql, rows); });
  }
  Result<void> run_script(std::string_view script) override {
    return database_.call([&] { return below_->run_script(script); });
  }
  Result<void> replace_view(std::string_view name, std::string_view select) override {
    return database_.call([&] { return below_->replace_view(name, select); });
  }
  Timestamp now() const override { return below_->now() + database_.ahead_; }
  Result<void> lock(std::string_view name) override {
    return database_.call([&] { return below_->lock(name); });
  }
  std::string_view for_update() const override { return below_->for_update(); }
  Result<void> commit() override {
    return database_.call([&] { return below_->commit(); });
  }

 private:
  FaultedState& database_;
  std::unique_ptr<StateTransaction> below_;
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

FaultedState::Fate FaultedState::next_call(bool begins) {
  std::unique_lock lock(mutex_);
  ++calls_;
  if (begins && hang_at_ && calls_ >= *hang_at_ && !is_let_go_) {
    hangs_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_let_go_; });
  }
  if (has_died_) return {.fails_before = true};
  if (!fault_ || calls_ < fault_->call) return {};
  has_died_ = true;
  return {.fails_before = fault_->when == When::Before, .fails_after = fault_->when == When::After};
}

template <typename Call>
auto FaultedState::call(const Call& make, bool begins) -> decltype(make()) {
  const auto fate = next_call(begins);
  if (fate.fails_before) return std::unexpected(died());
  auto done = make();
  if (fate.fails_after) return std::unexpected(died());
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
