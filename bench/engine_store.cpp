#include <memory>
#include <semaphore>
#include <string>
#include <utility>

#include "candidate.hpp"
#include "eventstore/open.hpp"
#include "harness.hpp"

namespace eventstore::bench {
namespace {

class EngineReader : public Reader {
 public:
  explicit EngineReader(EventStore& store) : store_(store) {}

  std::uint64_t stream_version(std::string_view stream) override {
    const auto info = must(store_.stream_info(stream), "stream_info");
    return info ? info->version.value : 0;
  }

  void read_stream(std::string_view stream, const Visitor& visit) override {
    ReadRequest request;
    request.selector = SelectStream{std::string(stream)};
    read(std::move(request), visit);
  }

  void read_all(const Visitor& visit) override { read({}, visit); }

 private:
  void read(ReadRequest request, const Visitor& visit) {
    const auto cursor = must(store_.read(std::move(request)), "read");
    for (auto batch = must(cursor->next(), "next"); !batch.empty();
         batch = must(cursor->next(), "next")) {
      for (const auto& event : batch) visit(event);
    }
  }

  EventStore& store_;
};

class EngineStore : public Store {
 public:
  EngineStore(const std::filesystem::path& folder, const OpenOptions& options)
      : store_(must(open(folder.string(), options), "open")) {
    must(store_->head(), "head");
  }

  bool append(AppendRequest& request) override {
    const auto result = store_->append(std::move(request));
    if (!result && result.error().code != ErrorCode::WrongExpectedVersion) {
      fail("append", result.error());
    }
    return result.has_value();
  }

  // While one request is synced, those behind it are encoded and queue up.
  void append_bulk(std::span<AppendRequest> requests) override {
    constexpr std::ptrdiff_t kUnderWayMax = 8;
    std::counting_semaphore<kUnderWayMax> free(kUnderWayMax);
    const auto chain = std::make_shared<AppendChain>();
    for (auto& request : requests) {
      free.acquire();
      request.context.chain = chain;
      store_->append_async(std::move(request), [&free](const Result<AppendResult>& result) {
        if (!result) fail("append_async", result.error());
        free.release();
      });
    }
    for (std::ptrdiff_t i = 0; i < kUnderWayMax; ++i) free.acquire();
  }

  std::unique_ptr<Reader> reader() override { return std::make_unique<EngineReader>(*store_); }

 private:
  std::unique_ptr<EventStore> store_;
};

}  // namespace

std::unique_ptr<Store> open_engine_store(const std::filesystem::path& folder,
                                         const OpenOptions& options) {
  return std::make_unique<EngineStore>(folder, options);
}

}  // namespace eventstore::bench
