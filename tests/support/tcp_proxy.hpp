#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <poll.h>

#include "core/thread_annotations.hpp"

namespace eventstore::test {

// Stands between PostgreSQL's clients and a server, on loopback, and lets a test decide about each
// message: pass it on, hold it back, or cut the connection before or behind it. Of the protocol it
// knows how messages are framed (PostgreSQL's documentation, chapter "Frontend/Backend Protocol");
// encryption is declined.
//
// Threads: safe from any thread; the test's function is called in the proxy's own thread.
class TcpProxy {
 public:
  struct Message {
    std::uint64_t connection = 0;  // from 1, in the order in which they were made
    bool from_server = false;
    std::uint64_t number = 0;  // of its direction in its connection, from 1
    char type = 0;             // 0: the first of a client, which has none
    std::string_view body;     // behind the length
  };
  enum class Action : std::uint8_t {
    Forward,
    ForwardAndFlush,   // of a client's: and have the server answer so far
    Hold,              // until reconsider(); what comes behind it in its direction waits as well
    Cut,               // both ends
    ForwardAndCut,     // the client's end; the server takes what came before it notices
    ForwardAndStrand,  // the client's end; the server's stays as it is, and is never told
  };
  using Decide = std::function<Action(const Message& message)>;

  // Each connection goes to 127.0.0.1 and that port. Without `decide` all is forwarded.
  TcpProxy(int server_port, Decide decide);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }

  // Asks again about messages that are held.
  void reconsider();
  // New connections are closed at once, while this is set.
  void refuse(bool refused) { refused_ = refused; }
  void cut_all();
  // Connections that were asked for, those included that came to nothing.
  std::uint64_t attempts() const { return attempts_; }
  // False: it has ended, at both ends.
  bool is_connected(std::uint64_t connection) EXCLUDES(mutex_);

 private:
  struct Stream;
  struct Link;

  void run();
  std::vector<pollfd> polled() const;
  void accept_one();
  void note_connected() EXCLUDES(mutex_);
  bool serve(Link& link, bool client_ready, bool server_ready);
  bool pump(Link& link, Stream& stream);
  bool take_message(Link& link, Stream& stream);
  bool take_first(Link& link, Stream& stream, std::string_view bytes);
  bool act(Link& link, Stream& stream, Action action, std::size_t size);
  void wake() const;

  const int server_port_;
  const Decide decide_;
  int listener_ = -1;
  int wake_ = -1;
  int port_ = 0;
  std::atomic<bool> refused_ = false;
  std::atomic<bool> cut_all_ = false;
  std::atomic<bool> stopped_ = false;
  std::atomic<std::uint64_t> attempts_ = 0;
  std::uint64_t connections_ = 0;
  std::list<std::unique_ptr<Link>> links_;  // the proxy's thread's
  Mutex mutex_;
  std::set<std::uint64_t> connected_ GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace eventstore::test
