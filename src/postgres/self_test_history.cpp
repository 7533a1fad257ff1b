#include "postgres/self_test_history.hpp"

#include <chrono>
#include <string_view>
#include <variant>

#include "core/seeded_random.hpp"

namespace eventstore::postgres {
namespace {

constexpr std::uint64_t kMark = 0xe5;  // the first byte of ids of a self-test

std::string name_of(std::uint32_t writer, std::uint64_t number) {
  return "append " + std::to_string(number) + " of writer " + std::to_string(writer);
}

std::uint64_t content_digest(std::uint64_t before, const Uuid& id, std::string_view stream,
                             std::string_view type, std::string_view data) {
  auto digest = before;
  for (const auto byte : id.bytes)
    digest = mix_bits(digest + std::to_integer<std::uint64_t>(byte) + 1);
  for (const auto text : {stream, type, data}) {
    digest = mix_bits(digest ^ std::hash<std::string_view>{}(text) ^ text.size());
  }
  return digest;
}

void put(Uuid& uuid, std::size_t at, std::size_t bytes, std::uint64_t value) {
  for (std::size_t index = bytes; index > 0; --index) {
    uuid.bytes[at + index - 1] = static_cast<std::byte>(value & 0xff);
    value >>= 8;
  }
}

std::uint64_t get(const Uuid& uuid, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t index = 0; index < bytes; ++index) {
    value = value << 8 | std::to_integer<std::uint64_t>(uuid.bytes[at + index]);
  }
  return value;
}

}  // namespace

void Findings::add(std::string finding) {
  const MutexLock lock(mutex_);
  if (findings_.size() < kMax) findings_.push_back(std::move(finding));
}

std::vector<std::string> Findings::take() {
  const MutexLock lock(mutex_);
  return std::exchange(findings_, {});
}

// Version 8 in form, which leaves its contents to whoever makes it (RFC 9562, section 5.8).
Uuid to_uuid(const AppendId& id) {
  Uuid uuid;
  put(uuid, 0, 1, kMark);
  put(uuid, 1, 5, id.number);
  put(uuid, 6, 2, 0x8000);
  put(uuid, 8, 2, 0x8000);
  put(uuid, 10, 2, id.writer);
  put(uuid, 12, 4, id.event);
  return uuid;
}

std::optional<AppendId> append_id_of(const Uuid& uuid) {
  if (get(uuid, 0, 1) != kMark || get(uuid, 6, 4) != 0x80008000) return std::nullopt;
  return AppendId{.writer = static_cast<std::uint32_t>(get(uuid, 10, 2)),
                  .number = get(uuid, 1, 5),
                  .event = static_cast<std::uint32_t>(get(uuid, 12, 4))};
}

std::uint64_t WriterHistory::begins(std::uint32_t writer, AppendRequest& request) {
  const MutexLock lock(mutex_);
  Tried tried{.events = static_cast<std::uint32_t>(request.events.size())};
  AppendId id{.writer = writer, .number = tried_.size()};
  for (auto& event : request.events) {
    event.id = to_uuid(id);
    tried.digest = content_digest(tried.digest, *event.id, event.stream, event.type, event.data);
    ++id.event;
  }
  if (!request.checks.empty()) tried.check = request.checks.front();
  tried.condition = request.condition;
  tried.begun = std::chrono::steady_clock::now();
  tried_.push_back(std::move(tried));
  return id.number;
}

void WriterHistory::begins_again(std::uint64_t number) {
  const MutexLock lock(mutex_);
  auto& tried = tried_[number];
  if (tried.state != State::Done) tried.state = State::UnderWay;
}

WriterHistory::Answered WriterHistory::answered(std::uint64_t number,
                                                const Result<AppendResult>& result) {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  auto& tried = tried_[number];
  const bool was_done = tried.state == State::Done;
  if (!result) {
    if (was_done) {
      findings_.add("an append that was done fails when it is made again: " +
                    result.error().message);
    } else if (result.error().code == ErrorCode::OutcomeUnknown) {
      tried.state = State::Unknown;
    } else {
      tried.state = State::Failed;
    }
    return {.was_done = was_done};
  }
  if (!was_done) {
    tried.state = State::Done;
    tried.done = now;
    tried.result.first_position = result->first_position;
    tried.result.last_position = result->last_position;
    if (tried.events > 0 &&
        result->last_position.value - result->first_position.value + 1 != tried.events) {
      findings_.add("an append of " + std::to_string(tried.events) +
                    " events was answered with positions " +
                    std::to_string(result->first_position.value) + " to " +
                    std::to_string(result->last_position.value));
    }
  } else if (tried.events > 0 &&
             (!result->repeated || tried.result.first_position != result->first_position ||
              tried.result.last_position != result->last_position)) {
    findings_.add("an append at position " + std::to_string(tried.result.first_position.value) +
                  " that was made again was answered with position " +
                  std::to_string(result->first_position.value) +
                  (result->repeated ? "" : ", not as a repetition"));
  }
  return {.was_done = was_done};
}

void HistoryCheck::take(const EventView& event) {
  if (auto wrong = seen_.take(event.position, digest_of(event)))
    findings_.add("the log: " + *wrong);
  if (event.recorded_at < recorded_at_) {
    findings_.add("position " + std::to_string(event.position.value) +
                  " was recorded before the one before it");
  }
  recorded_at_ = event.recorded_at;
  const auto id = append_id_of(event.id);
  if (!id || id->writer >= writers_.size()) {
    return findings_.add("position " + std::to_string(event.position.value) +
                         " has what nobody appended");
  }
  if (!current_) begin_append(event, *id);
  if (!current_) return;
  if (current_->id.writer != id->writer || current_->id.number != id->number ||
      current_->events != id->event) {
    findings_.add(name_of(current_->id.writer, current_->id.number) +
                  " is broken off at position " + std::to_string(event.position.value));
    current_.reset();
    return;
  }
  ++current_->events;
  current_->digest =
      content_digest(current_->digest, event.id, event.stream, event.type, event.data);
  auto& version = versions_.try_emplace(std::string(event.stream)).first->second;
  if (event.version.value != version.value + 1) {
    findings_.add("stream " + std::string(event.stream) + " has version " +
                  std::to_string(event.version.value) + " after version " +
                  std::to_string(version.value));
  }
  version = event.version;
  for (const auto tag : event.tags) last_of_tag_[std::string(tag)] = event.position;
  if (event.last_of_append != (current_->events == current_->tried.events)) {
    findings_.add(name_of(id->writer, id->number) + " does not end where it should, at position " +
                  std::to_string(event.position.value));
  }
  if (event.last_of_append) end_append(event.position);
}

void HistoryCheck::begin_append(const EventView& event, const AppendId& id) {
  const auto name = name_of(id.writer, id.number);
  if (id.event != 0) return findings_.add(name + " does not begin with its first event");
  if (!seen_appends_.try_emplace({id.writer, id.number}).second) {
    findings_.add(name + " is there twice: again at position " +
                  std::to_string(event.position.value));
  }
  auto& writer = writers_[id.writer];
  const MutexLock lock(writer.mutex_);
  if (id.number >= writer.tried_.size()) return findings_.add(name + " was never tried");
  current_ = Current{.id = id, .tried = writer.tried_[id.number], .first = event.position};
  check_requirements(name, current_->tried);
}

void HistoryCheck::check_requirements(const std::string& name, const WriterHistory::Tried& tried) {
  if (tried.check) {
    const auto found = versions_.find(tried.check->stream);
    const auto actual = found == versions_.end() ? StreamVersion{} : found->second;
    if (!tried.check->expected.holds_for(actual)) {
      findings_.add(name + " required " + tried.check->stream + " to be at " +
                    tried.check->expected.to_string() + ", and it was at " +
                    std::to_string(actual.value));
    }
    ++counts_["appends that required a version"];
  }
  if (tried.condition) {
    const auto& tag = tried.condition->query.items.front().tags.front();
    const auto found = last_of_tag_.find(tag);
    if (found != last_of_tag_.end() && found->second > tried.condition->after) {
      findings_.add(name + " has a condition that position " + std::to_string(found->second.value) +
                    " breaks");
    }
    ++counts_["appends under a condition"];
  }
}

void HistoryCheck::end_append(GlobalPosition last) {
  const auto& [id, tried, digest, events, first] = *current_;
  const auto name = name_of(id.writer, id.number);
  const auto where = " at position " + std::to_string(first.value);
  if (digest != tried.digest) findings_.add(name + where + " is not what was appended");
  if (tried.state == WriterHistory::State::Failed) {
    findings_.add(name + " failed, and is there" + where);
  }
  if (tried.state == WriterHistory::State::Done &&
      (tried.result.first_position != first || tried.result.last_position != last)) {
    findings_.add(name + " is there" + where + ", not where its answer said: " +
                  std::to_string(tried.result.first_position.value));
  }
  // What was answered before another append began comes before that.
  if (tried.done < begun_max_) {
    findings_.add(name + where + " was answered before " + begun_max_name_ +
                  ", which comes before it, began");
  }
  if (tried.begun > begun_max_) {
    begun_max_ = tried.begun;
    begun_max_name_ = name;
  }
  ++counts_["appends"];
  current_.reset();
}

void HistoryCheck::finish() {
  if (current_)
    findings_.add(name_of(current_->id.writer, current_->id.number) + " is there in part");
  for (std::uint32_t number = 0; number < writers_.size(); ++number) {
    auto& writer = writers_[number];
    const MutexLock lock(writer.mutex_);
    for (std::uint64_t index = 0; index < writer.tried_.size(); ++index) {
      const auto& tried = writer.tried_[index];
      if (tried.state == WriterHistory::State::UnderWay) {
        findings_.add(name_of(number, index) + " was never answered");
      }
      if (tried.state == WriterHistory::State::Failed) ++counts_["appends refused"];
      if (tried.state != WriterHistory::State::Done || tried.events == 0) continue;
      if (!seen_appends_.contains({number, index})) {
        findings_.add(name_of(number, index) + " was acknowledged at position " +
                      std::to_string(tried.result.first_position.value) + " and is gone");
      }
    }
  }
}

}  // namespace eventstore::postgres
