#include "postgres/self_test_writer.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>
#include <variant>

namespace eventstore::postgres {
namespace {

constexpr std::uint64_t kTags = 300;
constexpr std::string_view kSharedPrefix = "shared-";

std::string shared_stream(std::size_t index) {
  return std::string(kSharedPrefix) + std::to_string(index);
}

}  // namespace

SelfTestWriter::SelfTestWriter(EventStore& store, const Settings& settings, SharedStreams& shared,
                               WriterHistory& history, SelfTestProgress& progress,
                               Findings& findings)
    : store_(store),
      settings_(settings),
      shared_(shared),
      history_(history),
      progress_(progress),
      findings_(findings),
      random_(mix_bits(settings.seed) + settings.number) {}

std::string SelfTestWriter::own_stream(std::size_t index) const {
  return "writer" + std::to_string(settings_.number) + "-" + std::to_string(index);
}

void SelfTestWriter::run() {
  for (;;) {
    std::optional<Sent> again;
    {
      MutexLock lock(mutex_);
      changed_.wait(lock, [this]() REQUIRES(mutex_) {
        return under_way_ < settings_.in_flight &&
               (!progress_.is_over() || !unknown_.empty() || under_way_ == 0);
      });
      if (!unknown_.empty()) {
        again = std::move(unknown_.front());
        unknown_.pop_front();
      } else if (progress_.is_over()) {
        return;
      } else if (!done_.empty() && random_.chance(1, 20)) {
        again = done_[random_.below(done_.size())];
      }
      ++under_way_;
    }
    if (again) {
      progress_.count("appends made again");
      history_.begins_again(again->number);
      send(*std::move(again), /*is_again=*/true);
      continue;
    }
    auto request = make();
    const auto number = history_.begins(settings_.number, request);
    send({.number = number, .request = std::move(request)}, /*is_again=*/false);
  }
}

void SelfTestWriter::send(Sent sent, bool is_again) {
  auto request = sent.request;
  if (!is_again && random_.chance(1, 40)) {
    request.context.deadline = std::chrono::steady_clock::now();
  } else if (!is_again && random_.chance(1, 40)) {
    const std::stop_source cancelled;
    cancelled.request_stop();
    request.context.cancellation = cancelled.get_token();
  }
  store_.append_async(std::move(request),
                      [this, sent = std::move(sent)](const Result<AppendResult>& result) mutable {
                        answered(std::move(sent), result);
                      });
}

void SelfTestWriter::answered(Sent sent, const Result<AppendResult>& result) {
  const auto before = history_.answered(sent.number, result);
  learn(result);
  if (result) {
    if (!before.was_done) progress_.appended(sent.request.events.size());
  } else {
    progress_.count("answers: " + std::string(to_string(result.error().code)));
  }
  const MutexLock lock(mutex_);
  --under_way_;
  if (!result && result.error().code == ErrorCode::OutcomeUnknown) {
    unknown_.push_back(std::move(sent));
  } else if (result && !before.was_done && !sent.request.events.empty()) {
    done_.push_back(std::move(sent));
    if (done_.size() > kRepeatable) done_.pop_front();
  }
  changed_.notify_one();
}

// What answers tell of versions and the head.
void SelfTestWriter::learn(const Result<AppendResult>& result) {
  const auto grow = [](std::atomic<std::uint64_t>& known, std::uint64_t value) {
    auto now = known.load();
    while (now < value && !known.compare_exchange_weak(now, value)) {
    }
  };
  const auto learn_version = [&](std::string_view stream, std::uint64_t version) {
    if (!stream.starts_with(kSharedPrefix)) return;
    const auto index = static_cast<std::size_t>(stream.back() - '0');
    grow(shared_.versions.at(index), version);
  };
  if (result) {
    for (const auto& outcome : result->streams) {
      learn_version(outcome.stream, outcome.version.value);
    }
    return grow(shared_.head, result->last_position.value);
  }
  const auto* const conflict = std::get_if<VersionConflict>(&result.error().details);
  if (conflict == nullptr) return;
  if (conflict->expected == std::to_string(conflict->actual.value)) {
    findings_.add("an append failed for a version that is as expected: " + result.error().message);
  }
  learn_version(conflict->stream, conflict->actual.value);
  const MutexLock lock(mutex_);
  if (const auto own = own_.find(conflict->stream); own != own_.end()) {
    own->second = conflict->actual.value;
  }
}

AppendRequest SelfTestWriter::make() {
  AppendRequest request;
  const auto count = 1 + random_.below(4);
  const auto shared = random_.below(SharedStreams::kCount);
  for (std::uint64_t index = 0; index < count; ++index) {
    const bool is_shared = random_.chance(1, 3);
    auto& event = request.events.emplace_back(NewEvent{
        .stream = is_shared ? shared_stream(shared) : own_stream(random_.below(kOwnStreams)),
        .type = "T" + std::to_string(random_.below(4))});
    event.data = "{\"n\":" + std::to_string(random_.below(1'000'000)) + "}";
    if (random_.chance(1, 6)) event.tags = {"t" + std::to_string(random_.below(kTags))};
  }
  const auto kind = random_.below(16);
  if (kind == 0) {
    const auto version = shared_.versions.at(shared).load();
    request.checks = {
        {.stream = shared_stream(shared), .expected = ExpectedVersion::exactly({version})}};
  } else if (kind == 1) {
    request.checks = {
        {.stream = shared_stream(shared), .expected = ExpectedVersion::stream_exists()}};
  } else if (kind == 2) {
    request.condition = AppendCondition{
        .query = Query::of({{.types = {}, .tags = {"t" + std::to_string(random_.below(kTags))}}}),
        .after = {shared_.head.load()}};
  } else if (kind < 8) {
    // The version that its stream comes to when all before it are done.
    const auto stream = request.events.front().stream;
    const MutexLock lock(mutex_);
    if (!stream.starts_with(kSharedPrefix)) {
      request.checks = {{.stream = stream, .expected = ExpectedVersion::exactly({own_[stream]})}};
    }
  }
  const MutexLock lock(mutex_);
  for (const auto& event : request.events) {
    if (!event.stream.starts_with(kSharedPrefix)) ++own_[event.stream];
  }
  return request;
}

}  // namespace eventstore::postgres
