#include "campaigns/step_gate.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace eventstore::test {
namespace {

using Action = TcpProxy::Action;

// Takes a text that ends with a zero off the front.
std::string take_text(std::string_view& body) {
  const auto end = std::min(body.find('\0'), body.size());
  const std::string text(body.substr(0, end));
  body.remove_prefix(std::min(end + 1, body.size()));
  return text;
}

}  // namespace

StepGate::StepGate(int server_port)
    : proxy_(server_port, [this](const TcpProxy::Message& message) { return decide(message); }) {}

void StepGate::record() {
  const MutexLock lock(mutex_);
  recording_ = true;
  recorded_.clear();
}

std::vector<std::string> StepGate::recorded() {
  const MutexLock lock(mutex_);
  recording_ = false;
  return recorded_;
}

void StepGate::arm(std::vector<std::size_t> phase_ends, End end) {
  const MutexLock lock(mutex_);
  armed_ = true;
  end_ = end;
  phase_ends_ = std::move(phase_ends);
  allowed_ = passed_ = done_ = 0;
}

void StepGate::allow_a_phase() {
  {
    const MutexLock lock(mutex_);
    ++allowed_;
  }
  proxy_.reconsider();
}

bool StepGate::has_done_allowed() {
  const MutexLock lock(mutex_);
  if (allowed_ == 0) return true;
  if (!armed_ || is_last_phase()) return false;
  return passed_ == phase_ends_[allowed_ - 1] && done_ == passed_;
}

void StepGate::disarm() {
  {
    const MutexLock lock(mutex_);
    armed_ = false;
  }
  proxy_.reconsider();
}

Action StepGate::decide(const TcpProxy::Message& message) {
  const MutexLock lock(mutex_);
  auto& session = sessions_[message.connection];
  if (session.is_free) return Action::Forward;
  auto body = message.body;
  if (message.from_server) {
    // A statement is done; or, after an error as well, the batch is.
    if (message.type == 'C' || message.type == 'I' || message.type == 's') ++done_;
    if (message.type == 'Z') done_ = passed_;
    return Action::Forward;
  }
  switch (message.type) {
    case 'P': {
      const auto name = take_text(body);
      const auto text = take_text(body);
      // Who tells others of commits.
      if (text.find("pg_notify") != std::string::npos) session.is_free = true;
      session.statements.insert_or_assign(name, text);
      return Action::Forward;
    }
    case 'B': {
      static_cast<void>(take_text(body));
      session.bound = session.statements[take_text(body)];
      return Action::Forward;
    }
    case 'E':
    case 'S':
      return pass_step(session, message.type);
    default:
      return Action::Forward;
  }
}

Action StepGate::pass_step(const Session& session, char type) {
  const bool is_sync = type == 'S';
  if (recording_) recorded_.push_back(is_sync ? "" : session.bound);
  if (!armed_) return Action::Forward;
  if (!is_last_phase()) {
    if (allowed_ == 0 || passed_ >= phase_ends_[allowed_ - 1]) return Action::Hold;
  } else if (passed_ >= phase_ends_.back() && end_ == End::Rollback) {
    armed_ = false;
    return Action::Cut;
  } else if (passed_ >= phase_ends_.back() && end_ == End::AnswerLost && is_sync) {
    armed_ = false;
    return Action::ForwardAndCut;
  }
  ++passed_;
  return is_sync ? Action::Forward : Action::ForwardAndFlush;
}

std::vector<std::size_t> phases_of(const std::vector<std::string>& steps) {
  std::set<std::size_t> ends;
  const auto first_with = [&](std::string_view what) {
    const auto found = std::ranges::find_if(
        steps, [&](const std::string& step) { return step.find(what) != std::string::npos; });
    return static_cast<std::size_t>(found - steps.begin());
  };
  if (const auto lock = first_with("advisory"); lock < steps.size()) {
    if (lock > 1) ends.insert(lock);  // more than BEGIN comes before it
    ends.insert(lock + 1);
  }
  ends.insert(first_with("INSERT"));
  ends.insert(std::min(first_with("COMMIT"), steps.size() - 1));
  ends.erase(0);
  ends.erase(steps.size());
  for (std::size_t part = 1; part < StepGate::kPhases && ends.size() + 1 < StepGate::kPhases;
       ++part) {
    const auto end = steps.size() * part / StepGate::kPhases;
    if (end > 0) ends.insert(end);
  }
  return {ends.begin(), ends.end()};
}

}  // namespace eventstore::test
