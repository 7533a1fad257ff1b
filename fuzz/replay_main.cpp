// Runs a fuzz target over files: over every file of each folder that is an argument. Stands in for
// libFuzzer's main() where the compiler is not Clang.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Returns how many files of `folder` were run; 0 where it cannot be read.
int replay(const std::filesystem::path& folder) {
  int count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    if (file.bad()) return 0;
    // To know the input where the target stops the process.
    std::fprintf(stderr, "%s\n", entry.path().c_str());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span folders(argv + 1, argv + argc);
  if (folders.empty()) {
    std::fprintf(stderr, "usage: %s FOLDER...\n", *argv);
    return 2;
  }
  for (const char* const folder : folders) {
    const int count = replay(folder);
    std::printf("%s: %d inputs\n", folder, count);
    if (count == 0) return 1;
  }
  return 0;
}
