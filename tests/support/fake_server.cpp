#include "support/fake_server.hpp"

#include <array>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.hpp"
#include "postgres/wire.hpp"

namespace eventstore::test {

FakeServer::FakeServer(std::string answer)
    : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(listen(listener_, SOMAXCONN) == 0);
  CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { run(); });
}

FakeServer::~FakeServer() {
  shutdown(listener_, SHUT_RDWR);  // accept() fails from now on
  thread_.join();
  for (const int client : silent_) close(client);
  close(listener_);
}

// ErrorResponse (PostgreSQL's documentation, chapter "Message Formats").
std::string FakeServer::refusal(const std::string& sqlstate, const std::string& message) {
  std::string body;
  for (const auto& field : {"SFATAL", "VFATAL"}) body.append(field).push_back('\0');
  body.append("C" + sqlstate).push_back('\0');
  body.append("M" + message).push_back('\0');
  body.push_back('\0');
  std::array<char, 4> size{};
  postgres::store_be(size.data(), static_cast<std::int32_t>(body.size() + size.size()));
  return "E" + std::string(size.data(), size.size()) + body;
}

void FakeServer::run() {
  for (;;) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    ++clients_;
    if (answer_.empty()) {
      silent_.push_back(client);
      continue;
    }
    std::array<char, 1024> asked{};
    if (recv(client, asked.data(), asked.size(), 0) > 0) {
      static_cast<void>(send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL));
    }
    close(client);
  }
}

}  // namespace eventstore::test
