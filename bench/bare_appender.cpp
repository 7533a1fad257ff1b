#include "bare_appender.hpp"

#include <algorithm>
#include <vector>

#include "bare_log.hpp"
#include "log/format.hpp"

namespace eventstore::bench {
namespace {

std::uint64_t event_bytes(const AppendRequest& request) {
  std::uint64_t sum = 0;
  for (const auto& event : request.events) sum += log::encoded_event_bytes(event);
  return sum;
}

// Bytes that stand for events, as many as one write may need.
class Filler {
 public:
  std::span<const std::byte> first(std::uint64_t count) {
    if (bytes_.size() < count) bytes_.resize(count, std::byte{0x5a});
    return std::span(bytes_).first(count);
  }

 private:
  std::vector<std::byte> bytes_;
};

class BareAppender : public Appender {
 public:
  BareAppender(const std::filesystem::path& path, std::uint64_t bytes) : log_(path, bytes) {}

  bool append(AppendRequest& request) override {
    log_.append(filler_.first(bare_bytes(request)));
    return true;
  }

  void append_bulk(std::span<AppendRequest> requests) override {
    for (std::size_t i = 0; i < requests.size();) {
      std::uint64_t bytes = 0;
      for (std::size_t count = 0; i < requests.size() && count < kEventsPerBulkCommit; ++i) {
        count += requests[i].events.size();
        bytes += bare_bytes(requests[i]);
      }
      log_.append(filler_.first(bytes));
    }
  }

 private:
  BareLog log_;
  Filler filler_;
};

class BareGroupAppender : public Appender {
 public:
  BareGroupAppender(const std::filesystem::path& path, std::uint64_t bytes,
                    BareGroupLog::Gathering gathering)
      : log_(path, bytes, gathering) {}

  bool append(AppendRequest& request) override {
    thread_local Filler filler;
    log_.append(filler.first(event_bytes(request)));
    return true;
  }

  void append_bulk(std::span<AppendRequest> requests) override {
    for (auto& request : requests) append(request);
  }

 private:
  BareGroupLog log_;
};

}  // namespace

std::uint64_t bare_bytes(const AppendRequest& request) {
  return log::kFrameHeaderBytes + event_bytes(request);
}

std::unique_ptr<Appender> open_bare(const std::filesystem::path& folder, std::uint64_t bytes,
                                    const BareSetup& setup) {
  const auto path = folder / "bare";
  const auto prewritten = setup.prewritten ? bytes : 0;
  if (!setup.many_threads) return std::make_unique<BareAppender>(path, prewritten);
  return std::make_unique<BareGroupAppender>(
      path, prewritten,
      setup.gathering ? BareGroupLog::Gathering::Briefly : BareGroupLog::Gathering::None);
}

}  // namespace eventstore::bench
