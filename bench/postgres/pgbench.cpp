#include "pgbench.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

namespace eventstore::bench {

double run_pgbench(const PostgresBench& bench, const std::string& script, std::size_t clients) {
  const auto file =
      std::filesystem::temp_directory_path() / fmt::format("bench-pgbench-{}.sql", ::getpid());
  std::ofstream(file) << script;
  const auto& options = bench.options;
  const auto command = fmt::format("'{}' -n -M prepared -f '{}' -c {} -j {} -T {:.0f} '{}' 2>&1",
                                   (options.bin / "pgbench").string(), file.string(), clients,
                                   clients > 1 ? 2 : 1, options.seconds, options.database);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(::popen(command.c_str(), "r"),
                                                               ::pclose);
  if (output == nullptr) fail_with_errno("popen");
  std::string said;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), output.get()) != nullptr) said += buffer.data();
  std::filesystem::remove(file);
  const auto at = said.find("tps = ");
  if (at == std::string::npos) fail("pgbench said: " + said);
  return std::stod(said.substr(at + 6));
}

}  // namespace eventstore::bench
