#include "campaigns/server_faults.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace eventstore::test {
namespace {

using Action = TcpProxy::Action;

// An append has some twenty to forty messages.
constexpr std::uint64_t kMessagesBetween = 60;
constexpr std::uint64_t kCommitsBetween = 3;

std::string take_text(std::string_view& body) {
  const auto end = std::min(body.find('\0'), body.size());
  const std::string text(body.substr(0, end));
  body.remove_prefix(std::min(end + 1, body.size()));
  return text;
}

// Whether a transaction that has this statement may write.
bool is_of_commit(std::string_view statement) {
  constexpr std::array<std::string_view, 3> kWords = {"COMMIT", "INSERT", "append"};
  return std::ranges::any_of(kWords, [&](std::string_view word) {
    return statement.find(word) != std::string_view::npos;
  });
}

int number_at(std::string_view body) {
  int value = 0;
  for (std::size_t index = 0; index < 4 && index < body.size(); ++index) {
    value = value << 8 | static_cast<unsigned char>(body[index]);
  }
  return value;
}

}  // namespace

FaultyProxy::FaultyProxy(int server_port, std::uint64_t seed)
    : random_(seed),
      proxy_(server_port, [this](const TcpProxy::Message& message) { return decide(message); }) {}

void FaultyProxy::cut(Where where, std::uint64_t times) {
  const MutexLock lock(mutex_);
  where_ = where;
  cuts_left_ = times;
  until_cut_ = 1 + random_.below(where == Where::AnyMessage ? kMessagesBetween : kCommitsBetween);
}

void FaultyProxy::hold_at(std::uint64_t message) {
  const MutexLock lock(mutex_);
  until_hold_ = message;
}

std::optional<int> FaultyProxy::wait_for_held(const std::function<bool()>& is_over) {
  MutexLock lock(mutex_);
  changed_.wait(lock, [&]() REQUIRES(mutex_) { return held_.has_value() || is_over(); });
  if (!held_) return std::nullopt;
  return sessions_[held_->first].process;
}

void FaultyProxy::release() {
  {
    const MutexLock lock(mutex_);
    held_.reset();
  }
  proxy_.reconsider();
}

void FaultyProxy::wake() {
  const MutexLock lock(mutex_);
  changed_.notify_all();
}

void FaultyProxy::calm() {
  {
    const MutexLock lock(mutex_);
    cuts_left_ = until_hold_ = 0;
    held_.reset();
  }
  proxy_.reconsider();
}

std::uint64_t FaultyProxy::cuts() {
  const MutexLock lock(mutex_);
  return cuts_;
}

std::uint64_t FaultyProxy::answers_lost() {
  const MutexLock lock(mutex_);
  return answers_lost_;
}

Action FaultyProxy::cut_now(bool lost_answer, Action action) {
  --cuts_left_;
  ++cuts_;
  if (lost_answer) ++answers_lost_;
  until_cut_ = 1 + random_.below(where_ == Where::AnyMessage ? kMessagesBetween : kCommitsBetween);
  return action;
}

Action FaultyProxy::decide_server(const TcpProxy::Message& message, Session& session) {
  if (message.type == 'K') session.process = number_at(message.body);
  if (message.type != 'Z' || !std::exchange(session.committed, false)) return Action::Forward;
  if (where_ != Where::CommitAnswer || cuts_left_ == 0 || --until_cut_ > 0) return Action::Forward;
  return cut_now(true, Action::Cut);
}

// Knows what the batch that is sent has in it.
void FaultyProxy::follow(const TcpProxy::Message& message, Session& session) {
  auto body = message.body;
  if (message.type == 'P') {
    const auto name = take_text(body);
    const auto text = take_text(body);
    if (text.find("pg_notify") != std::string::npos) session.is_free = true;
    session.statements.insert_or_assign(name, text);
  } else if (message.type == 'B') {
    static_cast<void>(take_text(body));
    session.bound = session.statements[take_text(body)];
  } else if (message.type == 'E') {
    session.commits = session.commits || is_of_commit(session.bound);
  }
}

Action FaultyProxy::decide(const TcpProxy::Message& message) {
  const MutexLock lock(mutex_);
  auto& session = sessions_[message.connection];
  if (session.is_free) return Action::Forward;
  if (message.from_server) return decide_server(message, session);
  if (held_) {
    const auto same = std::pair(message.connection, message.number);
    return *held_ == same ? Action::Hold : Action::Forward;
  }
  if (session.process != 0 && until_hold_ > 0 && --until_hold_ == 0) {
    held_ = {message.connection, message.number};
    changed_.notify_all();
    return Action::Hold;
  }
  follow(message, session);
  const bool ends_commit = message.type == 'S' && std::exchange(session.commits, false);
  if (ends_commit) session.committed = true;
  if (cuts_left_ == 0 || where_ == Where::CommitAnswer) return Action::Forward;
  if (where_ == Where::CommitSent) {
    if (!ends_commit || --until_cut_ > 0) return Action::Forward;
    // Seldom, the server does not hear of it.
    return cut_now(true, random_.chance(1, 8) ? Action::ForwardAndStrand : Action::ForwardAndCut);
  }
  if (--until_cut_ > 0) return Action::Forward;
  return cut_now(ends_commit, random_.chance(1, 2) ? Action::Cut : Action::ForwardAndCut);
}

}  // namespace eventstore::test
