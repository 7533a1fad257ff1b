#include "support/tcp_proxy.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace eventstore::test {
namespace {

constexpr std::size_t kLengthBytes = 4;

// The codes that a client's first message may have in place of a version.
constexpr std::uint32_t kEncryptionRequest = 80877103;
constexpr std::uint32_t kGssRequest = 80877104;

constexpr std::string_view kFlush("H\0\0\0\4", 5);

std::uint32_t number_at(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t index = 0; index < sizeof(value); ++index) {
    value = value << 8 | static_cast<unsigned char>(bytes[index]);
  }
  return value;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

[[noreturn]] void fail(const char* call) {
  throw std::runtime_error(std::string(call) + ": " + std::generic_category().message(errno));
}

void send_at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void close_end(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

// One direction of a connection.
struct TcpProxy::Stream {
  int from = -1;
  int to = -1;
  bool from_server = false;
  std::string taken = {};  // and not decided yet
  std::string to_send = {};
  std::uint64_t messages = 0;
  bool held = false;
  bool ended = false;  // `from` says no more
};

struct TcpProxy::Link {
  std::uint64_t number = 0;
  int client = -1;
  int server = -1;
  Stream up;
  Stream down;
  bool is_first = true;   // the client's first message is still to come
  bool drains = false;    // the client is gone; the server is let finish
  bool stranded = false;  // the client is gone; the server is not told

  Link() = default;
  ~Link() {
    close_end(client);
    close_end(server);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
};

TcpProxy::TcpProxy(int server_port, Decide decide)
    : server_port_(server_port), decide_(std::move(decide)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) fail("socket");
  auto address = loopback(0);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
  if (::listen(listener_, SOMAXCONN) != 0) fail("listen");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) fail("eventfd");
  thread_ = std::jthread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  stopped_ = true;
  wake();
  thread_.join();
  links_.clear();
  ::close(listener_);
  ::close(wake_);
}

void TcpProxy::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_, &one, sizeof(one)));
}

void TcpProxy::reconsider() {
  wake();
}

void TcpProxy::cut_all() {
  cut_all_ = true;
  wake();
}

// The wake-up, the listener, and both ends of each connection.
std::vector<pollfd> TcpProxy::polled() const {
  std::vector<pollfd> polled = {{.fd = wake_, .events = POLLIN, .revents = 0},
                                {.fd = listener_, .events = POLLIN, .revents = 0}};
  for (const auto& link : links_) {
    const auto wanted = [](const Stream& in, const Stream& out) {
      return static_cast<short>((in.held || in.ended ? 0 : POLLIN) |
                                (out.to_send.empty() ? 0 : POLLOUT));
    };
    const int server = link->stranded ? -1 : link->server;
    polled.push_back({.fd = link->client, .events = wanted(link->up, link->down), .revents = 0});
    polled.push_back({.fd = server, .events = wanted(link->down, link->up), .revents = 0});
  }
  return polled;
}

void TcpProxy::run() {
  while (!stopped_) {
    auto ready = polled();
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
    if ((ready[0].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      static_cast<void>(::read(wake_, &count, sizeof(count)));
      for (const auto& link : links_) link->up.held = link->down.held = false;
    }
    if (cut_all_.exchange(false)) {
      links_.clear();
      note_connected();
      continue;
    }
    std::size_t at = 2;
    for (auto link = links_.begin(); link != links_.end(); at += 2) {
      const bool goes_on = serve(**link, ready[at].revents != 0, ready[at + 1].revents != 0);
      link = goes_on ? std::next(link) : links_.erase(link);
    }
    if ((ready[1].revents & POLLIN) != 0) accept_one();
    note_connected();
  }
}

void TcpProxy::note_connected() {
  const MutexLock lock(mutex_);
  connected_.clear();
  for (const auto& link : links_) connected_.insert(link->number);
}

bool TcpProxy::is_connected(std::uint64_t connection) {
  const MutexLock lock(mutex_);
  return connected_.contains(connection);
}

void TcpProxy::accept_one() {
  int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) return;
  ++attempts_;
  if (refused_) return close_end(client);
  int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(server_port_);
  // On loopback this is answered at once.
  if (server < 0 ||
      ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close_end(server);
    return close_end(client);
  }
  send_at_once(client);
  send_at_once(server);
  auto link = std::make_unique<Link>();
  link->number = ++connections_;
  link->client = client;
  link->server = server;
  link->up = {.from = client, .to = server};
  link->down = {.from = server, .to = client, .from_server = true};
  links_.push_back(std::move(link));
}

// False: the connection has ended.
bool TcpProxy::serve(Link& link, bool client_ready, bool server_ready) {
  if (link.stranded) return true;
  for (auto* stream : {&link.up, &link.down}) {
    const bool ready = stream == &link.up ? client_ready : server_ready;
    if (ready && !stream->ended && !stream->held && stream->from >= 0) {
      std::array<char, 65536> buffer{};
      const auto count = ::recv(stream->from, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count > 0) {
        stream->taken.append(buffer.data(), static_cast<std::size_t>(count));
      } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        stream->ended = true;
      }
    }
    if (!pump(link, *stream)) return false;
    if (link.stranded) return true;
  }
  if (link.down.ended && link.down.taken.empty() && link.down.to_send.empty()) return false;
  if (link.up.ended && link.up.taken.empty() && link.up.to_send.empty() && !link.drains) {
    return false;
  }
  return true;
}

// Decides about what was taken, and sends what may go on. False: the connection has ended.
bool TcpProxy::pump(Link& link, Stream& stream) {
  while (!stream.held && !stream.taken.empty()) {
    const auto before = stream.taken.size();
    if (!take_message(link, stream)) return false;
    if (link.stranded) return true;
    if (stream.taken.size() == before) break;
  }
  while (!stream.to_send.empty()) {
    if (stream.to < 0) {
      stream.to_send.clear();
      break;
    }
    const auto count = ::send(stream.to, stream.to_send.data(), stream.to_send.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (count < 0) return false;
    stream.to_send.erase(0, static_cast<std::size_t>(count));
  }
  if (link.drains && !stream.from_server && stream.to_send.empty() && stream.to >= 0) {
    ::shutdown(stream.to, SHUT_WR);
    stream.to = -1;
  }
  return true;
}

bool TcpProxy::take_message(Link& link, Stream& stream) {
  const std::string_view bytes = stream.taken;
  if (!stream.from_server && link.is_first) return take_first(link, stream, bytes);
  if (bytes.size() < 1 + kLengthBytes) return true;
  const auto size = 1 + std::size_t{number_at(bytes.substr(1))};
  if (bytes.size() < size) return true;
  const Message message{.connection = link.number,
                        .from_server = stream.from_server,
                        .number = stream.messages + 1,
                        .type = bytes.front(),
                        .body = bytes.substr(1 + kLengthBytes, size - 1 - kLengthBytes)};
  return act(link, stream, decide_ ? decide_(message) : Action::Forward, size);
}

bool TcpProxy::take_first(Link& link, Stream& stream, std::string_view bytes) {
  if (bytes.size() < 2 * kLengthBytes) return true;
  const std::size_t size = number_at(bytes);
  if (bytes.size() < size) return true;
  const auto code = number_at(bytes.substr(kLengthBytes));
  if (code == kEncryptionRequest || code == kGssRequest) {
    stream.taken.erase(0, size);
    link.down.to_send += 'N';
    return pump(link, link.down);
  }
  const Message message{.connection = link.number,
                        .number = 1,
                        .body = bytes.substr(kLengthBytes, size - kLengthBytes)};
  const auto action = decide_ ? decide_(message) : Action::Forward;
  if (action != Action::Hold) link.is_first = false;
  return act(link, stream, action, size);
}

// False: the connection has ended.
bool TcpProxy::act(Link& link, Stream& stream, Action action, std::size_t size) {
  if (action == Action::Hold) {
    stream.held = true;
    return true;
  }
  if (action == Action::Cut) return false;
  ++stream.messages;
  stream.to_send.append(stream.taken, 0, size);
  stream.taken.erase(0, size);
  if (action == Action::Forward) return true;
  if (action == Action::ForwardAndFlush) {
    stream.to_send += kFlush;
    return true;
  }
  // The client's end goes now; what is on its way to the server goes there.
  close_end(link.client);
  link.up.from = link.down.to = -1;
  link.up.taken.clear();
  link.up.ended = true;
  link.down.to_send.clear();
  link.down.held = false;
  link.drains = true;
  if (action == Action::ForwardAndCut) return true;
  link.drains = false;
  while (!link.up.to_send.empty()) {
    const auto count =
        ::send(link.server, link.up.to_send.data(), link.up.to_send.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    link.up.to_send.erase(0, static_cast<std::size_t>(count));
  }
  link.stranded = true;
  return true;
}

}  // namespace eventstore::test
