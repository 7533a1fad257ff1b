#include "campaigns/own_server.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "campaigns/postgres_servers.hpp"
#include "campaigns/real_store.hpp"
#include "campaigns/violation.hpp"
#include "core/check.hpp"
#include "support/postgres_server.hpp"

namespace eventstore::test {
namespace {

constexpr const char* kSystemUser = "postgres";
constexpr int kAttempts = 10;  // another process may take the port first

// The words that run a program as somebody whom PostgreSQL's programs run for, and end it with
// this process.
std::vector<std::string> as_server_user(std::vector<std::string> command) {
  std::vector<std::string> words = {"setpriv", "--pdeathsig", "QUIT"};
  if (geteuid() == 0) {
    for (const auto* word : {"--reuid", kSystemUser, "--regid", kSystemUser, "--init-groups"}) {
      words.emplace_back(word);
    }
  }
  for (auto& word : command) words.push_back(std::move(word));
  return words;
}

void give_to_server_user(const std::filesystem::path& path) {
  if (geteuid() != 0) return;
  const passwd* const user = getpwnam(kSystemUser);  // NOLINT(concurrency-mt-unsafe): one thread
  if (user == nullptr || chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw Violation{"there is no user " + std::string(kSystemUser) + " to run a server as"};
  }
}

int free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  CHECK(bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(probe);
  return ntohs(address.sin_port);
}

// A process that removes the folder when the descriptor that is returned is closed.
int guard_folder(const std::filesystem::path& folder) {
  std::array<int, 2> ends{};
  CHECK(pipe2(ends.data(), O_CLOEXEC) == 0);
  const auto process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    setsid();
    dup2(ends[0], STDIN_FILENO);
    const int nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    // What the server writes while it ends may come back.
    execlp("sh", "sh", "-c",
           "cat; for i in 1 2 3 4 5 6 7 8 9; do rm -rf \"$0\"; sleep 0.5;"
           " [ -e \"$0\" ] || break; done",
           folder.c_str(), static_cast<char*>(nullptr));
    std::_Exit(127);
  }
  close(ends[0]);
  return ends[1];
}

bool answers(int port) {
  return postgres::Connection::open({.uri = OwnServer::uri(port)}, soon(std::chrono::seconds(5)))
      .has_value();
}

}  // namespace

OwnServer::OwnServer(unsigned connections_max) : connections_max_(connections_max) {
  std::string name = (std::filesystem::temp_directory_path() / "eventstore-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw Violation{"mkdtemp failed: " + name};
  folder_ = name;
  guard_ = guard_folder(folder_);
  give_to_server_user(folder_);
  const auto& bin = postgres_server().bin;
  run_command(as_server_user({(bin / "initdb").string(), "-D", (folder_ / "data").string(), "-U",
                              "eventstore", "--encoding=UTF8", "--no-locale", "--auth=trust",
                              "--no-sync"}));
  start();
}

OwnServer::~OwnServer() {
  crash();
  close(guard_);
}

std::string OwnServer::uri(int port) {
  return "postgresql://eventstore@127.0.0.1:" + std::to_string(port) + "/postgres";
}

void OwnServer::crash() {
  if (process_ == nullptr) return;
  process_->send_signal(SIGQUIT);
  process_->wait();
  process_.reset();
}

void OwnServer::start() {
  if (process_ != nullptr) return;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (port_ == 0) port_ = free_port();
    process_ = std::make_unique<ChildProcess>(as_server_user(
        {(postgres_server().bin / "postgres").string(), "-D", (folder_ / "data").string(), "-p",
         std::to_string(port_), "-c", "listen_addresses=127.0.0.1", "-c",
         "unix_socket_directories=", "-c", "fsync=on", "-c",
         "max_connections=" + std::to_string(connections_max_), "-c", "shared_buffers=32MB"}));
    if (becomes_ready()) return;
    process_.reset();
  }
  throw Violation{"a server in " + folder_.string() + " does not start"};
}

// False: it has ended.
bool OwnServer::becomes_ready() {
  const auto deadline = soon();
  while (process_->listen(std::chrono::milliseconds(5))) {
    if (answers(port_)) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
  }
  return false;
}

bool OwnPooler::is_there() {
  static const bool there = can_run({"/usr/sbin/pgbouncer", "--version"});
  return there;
}

OwnPooler::OwnPooler(const OwnServer& server) {
  const auto file = server.folder() / "pgbouncer.ini";
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    port_ = free_port();
    std::ofstream(file) << "[databases]\n* = host=127.0.0.1 port=" << server.port()
                        << " user=eventstore\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = "
                        << port_
                        << "\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
                           "default_pool_size = 4\nserver_login_retry = 0\n"
                           "ignore_startup_parameters = extra_float_digits,options\n";
    process_ = std::make_unique<ChildProcess>(
        as_server_user({"/usr/sbin/pgbouncer", "-q", file.string()}));
    const auto deadline = soon();
    while (process_->listen(std::chrono::milliseconds(5))) {
      if (answers(port_)) return;
      if (std::chrono::steady_clock::now() >= deadline) break;
    }
    process_.reset();
  }
  throw Violation{"pgbouncer does not start"};
}

}  // namespace eventstore::test
