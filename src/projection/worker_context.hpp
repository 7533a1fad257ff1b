#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "projection/worker.hpp"

namespace eventstore::projection {

// What one event may change.
class Worker::Context final : public ProjectionContext {
 public:
  Context(Worker& worker, const EventView& event, std::uint32_t bucket)
      : worker_(worker), event_(event), bucket_(bucket) {}

  using ProjectionContext::run;
  Result<SqlRows> run(std::string_view sql, std::span<const SqlParameter> parameters) override;
  bool has_side_effects() const override { return event_.position > worker_.work_.effects_after; }

  // A failure of the state database, which is none of the event.
  std::optional<Error> take_broken() { return std::exchange(broken_, std::nullopt); }

 private:
  Result<Document*> document(std::string_view key) override;
  void mark_changed(Document& document) override {
    worker_.documents_.mark_changed(document, bucket_);
  }
  Result<StateTransaction*> transaction();
  Error noted(Error error);

  Worker& worker_;
  const EventView& event_;
  const std::uint32_t bucket_;
  std::optional<Error> broken_;
};

}  // namespace eventstore::projection
