#include "machine.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "harness.hpp"

namespace eventstore::bench {
namespace {

std::string processor_name() {
  std::ifstream information("/proc/cpuinfo");
  std::string line;
  while (std::getline(information, line)) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string file_system_of(const std::filesystem::path& folder) {
  constexpr std::uint32_t kXfsMagic = 0x58465342;
  struct statfs information{};
  if (::statfs(folder.c_str(), &information) != 0) fail_with_errno("statfs " + folder.string());
  const auto type = static_cast<std::uint32_t>(information.f_type);
  if (type == TMPFS_MAGIC) return std::string(kInMemory);
  if (type == EXT4_SUPER_MAGIC) return "ext4";
  if (type == BTRFS_SUPER_MAGIC) return "btrfs";
  if (type == kXfsMagic) return "XFS";
  return fmt::format("file system {:#x}", type);
}

// The first line that a command prints; empty where it fails.
std::string first_line_of(const std::string& command) {
  auto* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::array<char, 256> line{};
  const bool read = std::fgets(line.data(), line.size(), pipe) != nullptr;
  if (::pclose(pipe) != 0 || !read) return {};
  std::string text = line.data();
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string commit_of_source() {
  auto commit = first_line_of("git -C '" EVENTSTORE_SOURCE_FOLDER
                              "' describe --always --dirty --exclude '*' 2>/dev/null");
  return commit.empty() ? "unknown" : commit;
}

}  // namespace

Machine describe_machine(const std::filesystem::path& folder, const std::string& commit) {
  ::utsname system{};
  if (::uname(&system) != 0) fail_with_errno("uname");
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return {.processor = processor_name(),
          .cores = std::thread::hardware_concurrency(),
          .memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                          static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
          .kernel = fmt::format("{} {}", std::string_view(system.sysname),
                                std::string_view(system.release)),
          .file_system = file_system_of(folder),
          .date = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(now)),
          .commit = commit.empty() ? commit_of_source() : commit};
}

double load_average() {
  double load = 0;
  if (::getloadavg(&load, 1) != 1) fail("getloadavg");
  return load;
}

}  // namespace eventstore::bench
