#include "postgres/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <poll.h>

#include "postgres/cancel.hpp"
#include "postgres/libpq_failure.hpp"

namespace eventstore::postgres {
namespace {

constexpr int kBinary = 1;

// More statements than these are sent with their text each time.
constexpr std::size_t kPreparedMax = 512;

// What a server that answers has time for once a stop is requested, and how often to look for that.
constexpr auto kStopPatience = std::chrono::seconds(2);
constexpr auto kBetweenLooksForStop = std::chrono::milliseconds(100);

int milliseconds_until(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

bool has_passed(Deadline deadline) {
  return std::chrono::steady_clock::now() >= deadline;
}

// What a statement is prepared once for.
std::string key_of(const Call& call) {
  std::string key(call.sql);
  for (const auto type : call.types) key.append(1, '\0').append(std::to_string(type));
  return key;
}

}  // namespace

Connection::Connection(PGconn* connection, bool prepares, std::stop_token stop)
    : connection_(connection), prepares_(prepares), stop_(std::move(stop)) {}

Connection::~Connection() = default;

std::string_view Connection::parameter(const char* name) const {
  const char* value = PQparameterStatus(connection_.get(), name);
  return value != nullptr ? value : "";
}

Failure Connection::lose(std::string message, Failure::Kind kind) {
  lost_ = true;
  return {.kind = kind, .message = std::move(message)};
}

// Waits until the socket can be read, or written to.
Answer<void> Connection::wait(bool for_writing, Deadline deadline) {
  pollfd polled{.fd = PQsocket(connection_.get()),
                .events = static_cast<short>(for_writing ? POLLIN | POLLOUT : POLLIN),
                .revents = 0};
  if (polled.fd < 0) return std::unexpected(lose("the connection is closed"));
  for (;;) {
    if (!stopped_until_ && stop_.stop_requested()) {
      stopped_until_ = std::chrono::steady_clock::now() + kStopPatience;
    }
    const auto until = std::min(deadline, stopped_until_.value_or(Deadline::max()));
    int longest = milliseconds_until(until);
    // poll() does not wake for a stop token.
    if (stop_.stop_possible()) {
      longest = std::min(longest, static_cast<int>(kBetweenLooksForStop.count()));
    }
    const int ready = ::poll(&polled, 1, longest);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) {
      return std::unexpected(lose("poll: " + std::generic_category().message(errno)));
    }
    if (has_passed(until)) {
      return std::unexpected(lose("the server did not answer in time", Failure::Kind::TimedOut));
    }
  }
}

Answer<void> Connection::flush(Deadline deadline) {
  auto* connection = connection_.get();
  for (;;) {
    const int left = PQflush(connection);
    if (left == 0) return {};
    if (left < 0) return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    // The server may be waiting for its own answers to be taken.
    if (auto ready = wait(/*for_writing=*/true, deadline); !ready) return ready;
    if (PQconsumeInput(connection) == 0) {
      return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    }
  }
}

Answer<PGresult*> Connection::next_result(Deadline deadline) {
  auto* connection = connection_.get();
  while (PQisBusy(connection) != 0) {
    if (auto ready = wait(/*for_writing=*/false, deadline); !ready) {
      return std::unexpected(std::move(ready).error());
    }
    if (PQconsumeInput(connection) == 0) {
      return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    }
  }
  return PQgetResult(connection);
}

std::string Connection::name_of(std::string key, bool& is_new) {
  const auto [at, inserted] = prepared_.try_emplace(std::move(key));
  is_new = inserted;
  if (inserted) at->second = "s" + std::to_string(++names_made_);
  return at->second;
}

Answer<void> Connection::send(const Call& call, std::vector<Sent>& sent) {
  auto* connection = connection_.get();
  const auto count = static_cast<int>(call.parameters.count());
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (std::size_t index = 0; index < call.parameters.count(); ++index) {
    const auto value = call.parameters.at(index);
    values.push_back(value ? value->data() : nullptr);
    lengths.push_back(value ? static_cast<int>(value->size()) : 0);
  }
  const std::vector<int> formats(values.size(), kBinary);
  const auto types_count = static_cast<int>(call.types.size());
  const bool may_prepare = call.prepared && prepares_;
  auto key = may_prepare ? key_of(call) : std::string();
  const bool by_name = may_prepare && (prepared_.size() < kPreparedMax || prepared_.contains(key));
  bool done = true;
  if (by_name) {
    bool is_new = false;
    const auto name = name_of(std::move(key), is_new);
    if (is_new) {
      done = PQsendPrepare(connection, name.c_str(), std::string(call.sql).c_str(), types_count,
                           call.types.data()) == 1;
    }
    done = done && PQsendQueryPrepared(connection, name.c_str(), count, values.data(),
                                       lengths.data(), formats.data(), kBinary) == 1;
    sent.push_back({.call = &call, .prepares = is_new});
  } else {
    done = PQsendQueryParams(connection, std::string(call.sql).c_str(), count,
                             call.types.empty() ? nullptr : call.types.data(), values.data(),
                             lengths.data(), formats.data(), kBinary) == 1;
    sent.push_back({.call = &call, .prepares = false});
  }
  if (!done) return std::unexpected(lose(one_line(PQerrorMessage(connection))));
  return {};
}

Answer<std::vector<Rows>> Connection::run(std::span<const Call> calls, Deadline deadline) {
  const std::array groups = {calls};
  return run_groups(groups, deadline);
}

Answer<Rows> Connection::run(const Call& call, Deadline deadline) {
  auto rows = run(std::span(&call, 1), deadline);
  if (!rows) return std::unexpected(std::move(rows).error());
  return std::move(rows->front());
}

Answer<std::vector<Rows>> Connection::run_groups(std::span<const std::span<const Call>> groups,
                                                 Deadline deadline) {
  auto* connection = connection_.get();
  if (lost_) return std::unexpected(lose("the connection is lost"));
  std::vector<std::vector<Sent>> sent(groups.size());
  for (std::size_t group = 0; group < groups.size(); ++group) {
    for (const auto& call : groups[group]) {
      if (auto done = send(call, sent[group]); !done)
        return std::unexpected(std::move(done).error());
    }
    if (PQpipelineSync(connection) != 1) {
      return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    }
  }
  const auto stop = [&](Failure failure) {
    if (failure.kind == Failure::Kind::TimedOut) cancel(connection);
    return std::unexpected(std::move(failure));
  };
  if (auto flushed = flush(deadline); !flushed) return stop(std::move(flushed).error());

  Answers answers{.deadline = deadline};
  for (const auto& group : sent) {
    for (const auto& one : group) {
      if (auto taken = take_answer(one, answers); !taken) return stop(std::move(taken).error());
    }
    if (auto taken = take_sync(answers); !taken) return stop(std::move(taken).error());
  }
  if (answers.first) return std::unexpected(*std::move(answers.first));
  return std::move(answers.rows);
}

Failure Connection::lose_by(const Answers& answers) {
  auto failure =
      lose(answers.first ? answers.first->message : one_line(PQerrorMessage(connection_.get())));
  if (answers.first) failure.sqlstate = answers.first->sqlstate;
  return failure;
}

// What the server says of a statement's preparation, where it had to be, and of the statement: a
// result each, and a null that ends it.
Answer<void> Connection::take_answer(const Sent& sent, Answers& answers) {
  for (const bool is_preparation : {true, false}) {
    if (is_preparation && !sent.prepares) continue;
    auto result = next_result(answers.deadline);
    if (!result) return std::unexpected(std::move(result).error());
    Rows taken(*result);
    const auto status = PQresultStatus(*result);
    const bool good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (!good && status != PGRES_PIPELINE_ABORTED && !answers.first)
      answers.first = refusal(*result);
    if (!good && is_preparation) prepared_.erase(key_of(*sent.call));
    if (good && !is_preparation) answers.rows.push_back(std::move(taken));
    if (PQstatus(connection_.get()) == CONNECTION_BAD) return std::unexpected(lose_by(answers));
    if (auto end = next_result(answers.deadline); !end)
      return std::unexpected(std::move(end).error());
  }
  return {};
}

// The end of a group. What commits a transaction that is not begun by name is the sync: it can
// fail, and comes behind what says why.
Answer<void> Connection::take_sync(Answers& answers) {
  for (;;) {
    auto result = next_result(answers.deadline);
    if (!result) return std::unexpected(std::move(result).error());
    const Rows taken(*result);
    if (*result != nullptr && PQresultStatus(*result) == PGRES_PIPELINE_SYNC) return {};
    if (*result != nullptr && !answers.first) answers.first = refusal(*result);
    if (PQstatus(connection_.get()) == CONNECTION_BAD) return std::unexpected(lose_by(answers));
  }
}

Answer<void> Connection::run_script(const std::string& script, Deadline deadline) {
  if (auto left = leave_pipeline(script, deadline); !left) return left;
  return take_rest_and_enter_pipeline(deadline);
}

// Sends what the pipeline mode does not know of.
Answer<void> Connection::leave_pipeline(const std::string& script, Deadline deadline) {
  auto* connection = connection_.get();
  if (lost_ || PQexitPipelineMode(connection) != 1 ||
      PQsendQuery(connection, script.c_str()) != 1) {
    return std::unexpected(lose(one_line(PQerrorMessage(connection))));
  }
  return flush(deadline);
}

Answer<void> Connection::take_rest_and_enter_pipeline(Deadline deadline) {
  auto* connection = connection_.get();
  std::optional<Failure> first;
  for (;;) {
    auto result = next_result(deadline);
    if (!result) return std::unexpected(std::move(result).error());
    if (*result == nullptr) break;
    const Rows taken(*result);
    const auto status = PQresultStatus(*result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !first) first = refusal(*result);
  }
  if (PQstatus(connection) == CONNECTION_BAD)
    return std::unexpected(lose(first ? first->message : "the connection was closed"));
  if (PQenterPipelineMode(connection) != 1)
    return std::unexpected(lose(one_line(PQerrorMessage(connection))));
  if (first) return std::unexpected(*std::move(first));
  return {};
}

Answer<std::optional<std::string>> Connection::wait_for_notification(Deadline deadline, int wake) {
  auto* connection = connection_.get();
  for (;;) {
    const std::unique_ptr<PGnotify, void (*)(void*)> notification(PQnotifies(connection),
                                                                  PQfreemem);
    if (notification != nullptr) return std::string(notification->extra);
    if (has_passed(deadline)) return std::nullopt;
    std::array<pollfd, 2> polled = {
        pollfd{.fd = PQsocket(connection), .events = POLLIN, .revents = 0},
        pollfd{.fd = wake, .events = POLLIN, .revents = 0}};
    const int ready = ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
    if (ready < 0 && errno != EINTR) {
      return std::unexpected(lose("poll: " + std::generic_category().message(errno)));
    }
    if ((polled[1].revents & POLLIN) != 0) return std::nullopt;
    if (PQconsumeInput(connection) == 0) {
      return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    }
  }
}

bool Connection::is_usable() {
  auto* connection = connection_.get();
  if (lost_ || PQstatus(connection) != CONNECTION_OK) return false;
  // A quiet server says something only to end the session (or of a changed setting); what it says
  // is read up to its end.
  pollfd polled{.fd = PQsocket(connection), .events = POLLIN, .revents = 0};
  while (::poll(&polled, 1, 0) > 0) {
    if (PQconsumeInput(connection) == 0 || PQstatus(connection) != CONNECTION_OK) return false;
  }
  return true;
}

}  // namespace eventstore::postgres
