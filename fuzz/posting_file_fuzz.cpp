// Any bytes as a posting file: as they are, and with their checksums made right, so that what lies
// behind the checksums is reached too.

#include "log/posting_file.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "log/posting_test_exercise.hpp"
#include "log/posting_test_repair.hpp"
#include "log/posting_test_support.hpp"

using namespace eventstore::log;  // NOLINT(google-build-using-namespace): a program, not a header

namespace {

void use(std::vector<std::byte> bytes) {
  const auto file = open_bytes(std::move(bytes));
  if (file) {
    PostingFileExercise(**file).run();
  } else {
    CHECK(is_corruption(file.error()) ||
          file.error().code == eventstore::ErrorCode::UnsupportedFormat);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const begin = reinterpret_cast<const std::byte*>(data);
  std::vector<std::byte> bytes(begin, begin + size);
  use(bytes);
  PostingFileRepair(bytes, test_identity().seed).repair_all();
  use(std::move(bytes));
  return 0;
}
