#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace eventstore::bench {

inline constexpr std::string_view kInMemory = "tmpfs";  // as a file system

// Where and when a run was made.
struct Machine {
  std::string processor;
  std::size_t cores = 0;
  std::uint64_t memory_bytes = 0;
  std::string kernel;
  std::string file_system;
  std::string date;    // UTC
  std::string commit;  // of the source; "unknown" where git does not know it
};

// `folder` is on the disk that is measured. Fails where it is in memory: a sync costs nothing
// there.
Machine describe_machine(const std::filesystem::path& folder, const std::string& commit);

// How many processes wanted to run, over the last minute.
double load_average();

}  // namespace eventstore::bench
