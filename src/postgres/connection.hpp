#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "eventstore/time.hpp"
#include "postgres/failure.hpp"
#include "postgres/parameters.hpp"
#include "postgres/rows.hpp"

namespace eventstore::postgres {

// A statement to run, and what with. Statements with the same text are prepared once a connection.
struct Call {
  std::string_view sql;  // borrowed for as long as the call
  Parameters parameters = {};
  // False: sent with its text each time.
  bool prepared = true;
  // The types of the parameters, where the statement does not cast them; 0: as it has them.
  std::vector<Oid> types = {};
};

struct SessionSetting {
  std::string_view name;  // of a literal, as `value`
  std::string_view value;
};

// What a connection is made with.
struct ConnectionSettings {
  std::string uri;       // as libpq takes it
  bool prepares = true;  // false where a pooler gives each transaction another session
  std::string application_name = "event-store";
  // Of the server's session, set once it is there: poolers take none with a connection. What the
  // URI's own `options` set, or PGOPTIONS, stays as it is.
  std::vector<SessionSetting> session = {};
};

// One session of the server, in libpq's pipeline mode: any number of statements go out together,
// and their answers come back together.
//
// Threads: one at a time.
class Connection {
 public:
  // Of several hosts, one that does not answer is left for the next one after a while.
  //
  // Fails with ConnectionLost or TimedOut; with Refused where the server says why. Once `stop` is
  // requested it and all that is asked of the connection fail as if the deadline were soon.
  static Answer<std::unique_ptr<Connection>> open(const ConnectionSettings& settings,
                                                  Deadline deadline,
                                                  const std::stop_token& stop = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends `calls` and waits for all answers. Where no transaction is open, they are one; a failure
  // is that of the first that failed, and nothing of a transaction that they were is done.
  //
  // Where the deadline passes, the server is asked to stop, and the connection is lost.
  Answer<std::vector<Rows>> run(std::span<const Call> calls, Deadline deadline);
  Answer<Rows> run(const Call& call, Deadline deadline);

  // Several groups of calls in one go, each a transaction of its own. The answer has the rows of
  // all of them, or the first failure.
  Answer<std::vector<Rows>> run_groups(std::span<const std::span<const Call>> groups,
                                       Deadline deadline);

  // Runs a script of any number of statements, without parameters.
  Answer<void> run_script(const std::string& script, Deadline deadline);

  // COPY ... FROM STDIN, in the transaction that is open: see CopyIn. Between begin_copy() and
  // end_copy() nothing else can be asked of the connection.
  Answer<void> begin_copy(const std::string& sql, Deadline deadline);
  Answer<void> put_copy(std::string_view bytes, Deadline deadline);
  Answer<void> end_copy(Deadline deadline);

  // Waits for a notification, for the socket's sake without holding anything on the server. Absent:
  // none came in time, or `wake` (a file descriptor) can be read.
  Answer<std::optional<std::string>> wait_for_notification(Deadline deadline, int wake);

  // Whether the connection can be used; looks, without waiting, whether the server has ended it.
  bool is_usable();
  // True where run() failed so that nobody knows what the server did.
  bool is_lost() const { return lost_; }
  // Whether the server has given up waiting for a synchronous standby since this was asked last:
  // what was committed is on its disk, and may be on no other.
  bool take_unreplicated() { return std::exchange(unreplicated_, false); }
  int server_version() const { return PQserverVersion(connection_.get()); }
  std::string_view parameter(const char* name) const;

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct Sent {
    const Call* call = nullptr;
    bool prepares = false;  // its preparation comes before it
  };

  // What has come of what was sent so far.
  struct Answers {
    Deadline deadline;
    std::vector<Rows> rows = {};
    std::optional<Failure> first = {};
  };

  Connection(PGconn* connection, bool prepares, std::stop_token stop);
  static void take_notice(void* self, const PGresult* notice);
  Answer<void> connect(Deadline::duration each, Deadline deadline, bool& is_silent);
  Answer<void> set_up(const ConnectionSettings& settings, Deadline deadline);

  Answer<void> take_answer(const Sent& sent, Answers& answers);
  Answer<void> take_sync(Answers& answers);
  Failure lose_by(const Answers& answers);

  Answer<void> send(const Call& call, std::vector<Sent>& sent);
  Answer<void> leave_pipeline(const std::string& script, Deadline deadline);
  Answer<void> take_rest_and_enter_pipeline(Deadline deadline);
  Answer<void> flush(Deadline deadline);
  Answer<PGresult*> next_result(Deadline deadline);
  Answer<void> wait(bool for_writing, Deadline deadline);
  std::string name_of(std::string key, bool& is_new);
  Failure lose(std::string message, Failure::Kind kind = Failure::Kind::ConnectionLost);

  std::unique_ptr<PGconn, Finish> connection_;
  const bool prepares_;
  const std::stop_token stop_;
  std::optional<Deadline> stopped_until_;  // the end of all waits, once a stop was seen
  bool lost_ = false;
  bool unreplicated_ = false;
  std::unordered_map<std::string, std::string> prepared_;  // names by text and types
  std::uint64_t names_made_ = 0;
};

}  // namespace eventstore::postgres
