#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/event_store.hpp"

namespace eventstore::test {

// A store in front of another: counts what is asked of it, and fails when it is told to.
//
// Threads: safe from any thread; `answer` is set before the store is used.
class StoreDouble final : public EventStore {
 public:
  explicit StoreDouble(EventStore& store) : store_(store) {}

  // Called before each read(), Cursor::next(), head() and wait_past() with its name: an error is
  // what the call fails with.
  std::function<std::optional<Error>(std::string_view call)> answer = [](std::string_view) {
    return std::nullopt;
  };
  std::atomic<std::size_t> reads = 0;

  Result<AppendResult> append(AppendRequest request) override {
    return store_.append(std::move(request));
  }
  void append_async(AppendRequest request, AppendCallback callback) override {
    store_.append_async(std::move(request), std::move(callback));
  }
  Result<std::unique_ptr<Cursor>> read(ReadRequest request) override {
    ++reads;
    if (auto error = answer("read")) return std::unexpected(*std::move(error));
    auto cursor = store_.read(std::move(request));
    if (!cursor) return cursor;
    return std::make_unique<CursorDouble>(*this, *std::move(cursor));
  }
  Result<GlobalPosition> head() override {
    if (auto error = answer("head")) return std::unexpected(*std::move(error));
    return store_.head();
  }
  Result<GlobalPosition> wait_past(GlobalPosition position, Deadline deadline,
                                   std::stop_token cancellation) override {
    if (auto error = answer("wait_past")) return std::unexpected(*std::move(error));
    return store_.wait_past(position, deadline, std::move(cancellation));
  }
  Result<std::optional<StreamInfo>> stream_info(std::string_view stream) override {
    return store_.stream_info(stream);
  }
  Result<std::vector<StreamInfo>> list_streams(const ListStreamsRequest& request) override {
    return store_.list_streams(request);
  }
  Result<std::vector<std::optional<EventLocation>>> find(std::string_view stream,
                                                         std::span<const Uuid> ids) override {
    return store_.find(stream, ids);
  }
  Result<ScavengeReport> scavenge(const ScavengeOptions& options) override {
    return store_.scavenge(options);
  }
  Capabilities capabilities() const override { return store_.capabilities(); }
  Result<StoreStats> stats() override { return store_.stats(); }
  Health health() override { return store_.health(); }
  Result<VerifyReport> verify() override { return store_.verify(); }

 private:
  class CursorDouble final : public Cursor {
   public:
    CursorDouble(StoreDouble& store, std::unique_ptr<Cursor> cursor)
        : store_(store), cursor_(std::move(cursor)) {}
    Result<std::span<const EventView>> next() override {
      if (!failure_) failure_ = store_.answer("next");
      if (failure_) return std::unexpected(*failure_);
      return cursor_->next();
    }
    GlobalPosition head() const override { return cursor_->head(); }

   private:
    StoreDouble& store_;
    std::unique_ptr<Cursor> cursor_;
    std::optional<Error> failure_;
  };

  EventStore& store_;
};

}  // namespace eventstore::test
