#include "support/postgres_server.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

PostgresServer read_state(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("no PostgreSQL server: cannot read " + path.string() +
                             ", which the test postgres.start writes");
  }
  const auto state = nlohmann::json::parse(file, nullptr, false);
  const auto text = [&](const char* name) { return state.at(name).get<std::string>(); };
  try {
    return {.url = text("url"),
            .socket = text("socket"),
            .port = state.at("port").get<int>(),
            .pid = state.at("pid").get<int>(),
            .folder = text("folder"),
            .log = text("log"),
            .bin = text("bin")};
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(path.string() + " is no state of a server: " + error.what());
  }
}

std::string shell_word(const std::string& word) {
  std::string result = "'";
  for (const char character : word) {
    if (character == '\'') {
      result += R"('\'')";
    } else {
      result += character;
    }
  }
  return result + "'";
}

// Starts a server that ends with this process.
PostgresServer start_server() {
  const TemporaryDirectory folder;  // the server's own is another
  const auto path = folder.path() / "postgres-server.json";
  const std::string command = shell_word(EVENTSTORE_TEST_PYTHON) + ' ' +
                              shell_word(EVENTSTORE_TEST_POSTGRES_SCRIPT) + " start --state " +
                              shell_word(path.string()) + " --until-pid " +
                              std::to_string(getpid()) + " 2>&1 </dev/null";
  std::FILE* const pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string said;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    said.append(buffer.data(), count);
  }
  if (pclose(pipe) != 0) throw std::runtime_error("no PostgreSQL server: " + said);
  return read_state(path);
}

}  // namespace

const PostgresServer& postgres_server() {
  static const PostgresServer server = [] {
    // Read once, before any thread of the test could change it.
    const char* path =
        std::getenv("EVENTSTORE_TEST_POSTGRES_STATE");  // NOLINT(concurrency-mt-unsafe)
    return path == nullptr ? start_server() : read_state(path);
  }();
  return server;
}

std::string postgres_url() {
  return postgres_server().url;
}

}  // namespace eventstore::test
