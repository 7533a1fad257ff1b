#include "support/own_server.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.hpp"
#include "postgres/connection.hpp"
#include "support/postgres_server.hpp"

namespace eventstore::test {
namespace {

constexpr const char* kSystemUser = "postgres";
constexpr int kAttempts = 10;  // another process may take the port first

Deadline soon(std::chrono::seconds time = std::chrono::seconds(60)) {
  return std::chrono::steady_clock::now() + time;
}

void run_command(const std::vector<std::string>& words) {
  if (can_run(words)) return;
  std::string command;
  for (const auto& word : words) command += word + " ";
  throw std::runtime_error("this failed: " + command);
}

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

// Who that is, where this process is not it already.
const passwd* server_user() {
  if (geteuid() != 0) return nullptr;
  const passwd* const user = getpwnam(kSystemUser);  // NOLINT(concurrency-mt-unsafe): one thread
  if (user != nullptr) return user;
  throw std::runtime_error("there is no user " + std::string(kSystemUser) + " to run a server as");
}

void give_to_server_user(const std::filesystem::path& path) {
  const auto* const user = server_user();
  if (user != nullptr) CHECK(chown(path.c_str(), user->pw_uid, user->pw_gid) == 0);
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

OwnServer::OwnServer(Settings settings) : settings_(std::move(settings)) {
  std::string name = (std::filesystem::temp_directory_path() / "eventstore-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + name);
  folder_ = name;
  guard_ = guard_folder(folder_);
  std::filesystem::create_directory(folder_ / "small");
  give_to_server_user(folder_);
  give_to_server_user(folder_ / "small");
  port_ = free_port();
  make_data();
  start();
}

OwnServer::~OwnServer() {
  crash();
  close(guard_);
}

void OwnServer::make_data() {
  const auto& bin = postgres_server().bin;
  const auto data = (folder_ / "data").string();
  if (settings_.standby_of == nullptr) {
    return run_command(
        as_server_user({(bin / "initdb").string(), "-D", data, "-U", "eventstore",
                        "--encoding=UTF8", "--no-locale", "--auth=trust", "--no-sync"}));
  }
  // It keeps the port that it has in its name.
  run_command(as_server_user({(bin / "pg_basebackup").string(), "-D", data, "--checkpoint=fast",
                              "--no-sync", "--write-recovery-conf", "-d",
                              settings_.standby_of->uri() + "?application_name=" + name()}));
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

std::vector<std::string> OwnServer::command() const {
  std::vector<std::string> words = {(postgres_server().bin / "postgres").string(), "-D",
                                    (folder_ / "data").string(), "-p", std::to_string(port_)};
  std::vector<std::string> options = {
      "listen_addresses=127.0.0.1", "unix_socket_directories=", "wal_retrieve_retry_interval=100ms",
      "max_connections=40", "shared_buffers=32MB"};
  options.insert(options.end(), settings_.options.begin(), settings_.options.end());
  for (auto& option : options) {
    words.emplace_back("-c");
    words.push_back(std::move(option));
  }
  words = as_server_user(std::move(words));
  if (settings_.small_bytes == 0) return words;
  // Mounted for the server alone, and gone with it.
  const auto* const user = server_user();
  const std::string owner =
      user == nullptr ? "" : "uid=" + std::to_string(user->pw_uid) + ",mode=700,";
  std::vector<std::string> mounted = {"unshare",
                                      "--mount",
                                      "sh",
                                      "-c",
                                      "mount -t tmpfs -o " + owner +
                                          "size=" + std::to_string(settings_.small_bytes) +
                                          " none \"$0\" && exec \"$@\"",
                                      (folder_ / "small").string()};
  mounted.insert(mounted.end(), words.begin(), words.end());
  return mounted;
}

void OwnServer::begin_to_start() {
  if (process_ == nullptr) process_ = std::make_unique<ChildProcess>(command());
}

void OwnServer::start() {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    begin_to_start();
    if (becomes_ready()) return;
    process_.reset();
  }
  throw std::runtime_error("a server in " + folder_.string() + " does not start");
}

void OwnServer::promote() {
  const auto connection = postgres::Connection::open({.uri = uri()}, soon());
  if (!connection) throw std::runtime_error(connection.error().message);
  const auto promoted = (*connection)->run({.sql = "SELECT pg_promote(true, 60)"}, soon());
  if (!promoted || !promoted->boolean(0, 0)) {
    throw std::runtime_error("the standby " + name() + " does not become a primary");
  }
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

OwnPooler::OwnPooler(const OwnServer& server, const std::string& mode) {
  const auto file = server.folder() / "pgbouncer.ini";
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    port_ = free_port();
    std::ofstream(file) << "[databases]\n* = host=127.0.0.1 port=" << server.port()
                        << " user=eventstore\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = "
                        << port_ << "\nunix_socket_dir =\nauth_type = any\npool_mode = " << mode
                        << "\n"
                           "default_pool_size = 4\nserver_login_retry = 0\n";
    process_ = std::make_unique<ChildProcess>(
        as_server_user({"/usr/sbin/pgbouncer", "-q", file.string()}));
    const auto deadline = soon();
    while (process_->listen(std::chrono::milliseconds(5))) {
      if (answers(port_)) return;
      if (std::chrono::steady_clock::now() >= deadline) break;
    }
    process_.reset();
  }
  throw std::runtime_error("pgbouncer does not start");
}

}  // namespace eventstore::test
