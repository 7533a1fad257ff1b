#pragma once

#include <memory>
#include <utility>

#include "eventstore/state.hpp"

namespace eventstore::test {

// A transaction that has another one do everything; what a test changes of it overrides that.
//
// Threads: as the other one.
class ForwardingTransaction : public StateTransaction {
 public:
  explicit ForwardingTransaction(std::unique_ptr<StateTransaction> below)
      : below_(std::move(below)) {}

  using StateTransaction::run;
  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) override {
    return below_->run(sql, parameters);
  }
  Result<std::uint64_t> run_each(std::string_view sql,
                                 std::span<const std::vector<SqlParameter>> rows) override {
    return below_->run_each(sql, rows);
  }
  Result<void> run_script(std::string_view script) override { return below_->run_script(script); }
  Result<void> replace_view(std::string_view name, std::string_view select) override {
    return below_->replace_view(name, select);
  }
  Timestamp now() const override { return below_->now(); }
  Result<void> lock(std::string_view name) override { return below_->lock(name); }
  std::string_view for_update() const override { return below_->for_update(); }
  Result<void> commit() override { return below_->commit(); }

 private:
  std::unique_ptr<StateTransaction> below_;
};

}  // namespace eventstore::test
