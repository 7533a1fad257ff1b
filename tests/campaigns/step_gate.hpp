#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/thread_annotations.hpp"
#include "support/tcp_proxy.hpp"

namespace eventstore::test {

// Holds back the steps of a transaction on its way to the server, so that a test decides when each
// is done. A step is one statement that is executed, or the end of a batch (Sync). Steps are put
// together to phases, such as: takes the lock, looks, writes, commits.
//
// Threads: safe from any thread.
class StepGate {
 public:
  enum class End : std::uint8_t {
    Commit,
    Rollback,    // the connection is cut in place of the last phase
    AnswerLost,  // the connection is cut right behind the end of the last phase's batch
  };
  static constexpr std::size_t kPhases = 4;

  explicit StepGate(int server_port);

  int port() const { return proxy_.port(); }

  // Lets everything pass, and notes it.
  void record() EXCLUDES(mutex_);
  // The texts of the statements since then ("" for the end of a batch).
  std::vector<std::string> recorded() EXCLUDES(mutex_);

  // Holds back what comes from now on. `phase_ends`: how many steps the first phases have, together
  // with those before them; the last phase is what comes then.
  void arm(std::vector<std::size_t> phase_ends, End end) EXCLUDES(mutex_);
  void allow_a_phase() EXCLUDES(mutex_);
  // Whether the server has done all that was allowed; never of the last phase.
  bool has_done_allowed() EXCLUDES(mutex_);
  void disarm() EXCLUDES(mutex_);

 private:
  struct Session {
    bool is_free = false;  // it is no transaction's
    std::map<std::string, std::string, std::less<>> statements = {};
    std::string bound = {};  // the text of what is executed next
  };

  TcpProxy::Action decide(const TcpProxy::Message& message) EXCLUDES(mutex_);
  TcpProxy::Action pass_step(const Session& session, char type) REQUIRES(mutex_);
  bool is_last_phase() const REQUIRES(mutex_) { return allowed_ > phase_ends_.size(); }

  Mutex mutex_;
  bool armed_ GUARDED_BY(mutex_) = false;
  bool recording_ GUARDED_BY(mutex_) = false;
  End end_ GUARDED_BY(mutex_) = End::Commit;
  std::vector<std::size_t> phase_ends_ GUARDED_BY(mutex_);
  std::size_t allowed_ GUARDED_BY(mutex_) = 0;  // phases
  std::size_t passed_ GUARDED_BY(mutex_) = 0;   // steps
  std::size_t done_ GUARDED_BY(mutex_) = 0;
  std::vector<std::string> recorded_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, Session> sessions_ GUARDED_BY(mutex_);
  TcpProxy proxy_;  // the last to be made
};

// Where the phases of a transaction with these steps end: before the lock, if something is done
// there, and after it; before the first step that writes; before the commit; or evenly, where it
// has no such.
std::vector<std::size_t> phases_of(const std::vector<std::string>& steps);

}  // namespace eventstore::test
