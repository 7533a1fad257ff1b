#include "core/crc32c_variants.hpp"

#if defined(__x86_64__)

#include <algorithm>
#include <array>

#include <nmmintrin.h>
#include <wmmintrin.h>

#include "core/codec.hpp"

namespace eventstore::internal {
namespace {

// The CRC instruction takes a word each cycle but answers only after three. So three neighbouring
// runs of n words each go through it at once, and carry-less multiplications join the results: a
// CRC moves past m more words by multiplication with x^(64 m). The product of two reflected 32-bit
// polynomials, taken as a word and put through the instruction, gains a factor x^33; hence the
// constants x^(64 m - 33). (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32
// Instruction", 2011.)
constexpr std::size_t kRunWordsMax = 256;
constexpr std::size_t kRunWordsMin = 3;  // shorter: joining costs more than it saves

constexpr std::array<std::uint32_t, 2 * kRunWordsMax + 1> make_shifts() {
  std::array<std::uint32_t, 2 * kRunWordsMax + 1> shifts{};
  std::uint32_t power = 1;  // x^31 = x^(64 - 33), reflected
  for (std::size_t words = 1; words < shifts.size(); ++words) {
    shifts[words] = power;
    for (int bit = 0; bit < 64; ++bit) {
      power = (power >> 1) ^ ((power & 1) != 0 ? 0x82f63b78U : 0U);
    }
  }
  return shifts;
}

constexpr std::array<std::uint32_t, 2 * kRunWordsMax + 1> kShifts = make_shifts();

[[gnu::target("sse4.2,pclmul"), gnu::always_inline]]
inline std::uint64_t multiply(std::uint64_t crc, std::uint32_t factor) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                               _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

// Takes in three runs of `words` words each, from `at` on.
[[gnu::target("sse4.2,pclmul"), gnu::always_inline]]
inline std::uint64_t take_three_runs(const std::byte* at, std::size_t words, std::uint64_t first) {
  const std::size_t run_bytes = words * 8;
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  const std::byte* const last = at + run_bytes - 8;
  for (; at != last; at += 8) {
    first = _mm_crc32_u64(first, load_le<std::uint64_t>(at));
    second = _mm_crc32_u64(second, load_le<std::uint64_t>(at + run_bytes));
    third = _mm_crc32_u64(third, load_le<std::uint64_t>(at + 2 * run_bytes));
  }
  first = _mm_crc32_u64(first, load_le<std::uint64_t>(at));
  second = _mm_crc32_u64(second, load_le<std::uint64_t>(at + run_bytes));
  return _mm_crc32_u64(third, load_le<std::uint64_t>(at + 2 * run_bytes) ^
                                  multiply(first, kShifts[2 * words]) ^
                                  multiply(second, kShifts[words]));
}

[[gnu::target("sse4.2,pclmul")]]
std::uint32_t crc32c_x86(std::span<const std::byte> bytes, std::uint32_t initial) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t crc = ~initial;

  while (left >= 24 * kRunWordsMin) {
    const std::size_t words = std::min(left / 24, kRunWordsMax);
    crc = take_three_runs(at, words, crc);
    at += 24 * words;
    left -= 24 * words;
  }
  for (; left >= 8; at += 8, left -= 8) crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(at));
  if (left == 0) return ~static_cast<std::uint32_t>(crc);

  if (bytes.size() >= 8) {
    // The last 1..7 bytes in one step: moved to the top of a word, with the CRC so far laid over
    // their first four; where they are fewer, its other bytes stay as they are.
    const std::size_t gap_bits = 64 - 8 * left;
    const std::uint64_t tail = load_le<std::uint64_t>(at + left - 8) >> gap_bits;
    crc = _mm_crc32_u64(0, (tail ^ crc) << gap_bits) ^ (crc >> (8 * left));
    return ~static_cast<std::uint32_t>(crc);
  }
  auto short_crc = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) {
    short_crc = _mm_crc32_u8(short_crc, std::to_integer<unsigned char>(*at));
  }
  return ~short_crc;
}

}  // namespace

Crc32cFunction crc32c_hardware() {
  __builtin_cpu_init();  // may run before constructors do
  const bool able = __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
  return able ? crc32c_x86 : nullptr;
}

}  // namespace eventstore::internal

#elif defined(__aarch64__) && defined(__linux__)

#include <arm_acle.h>
#include <sys/auxv.h>

#include "core/codec.hpp"

namespace eventstore::internal {
namespace {

[[gnu::target("+crc")]]
std::uint32_t crc32c_arm(std::span<const std::byte> bytes, std::uint32_t crc) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  crc = ~crc;
  for (; left >= 8; at += 8, left -= 8) crc = __crc32cd(crc, load_le<std::uint64_t>(at));
  for (; left > 0; ++at, --left) crc = __crc32cb(crc, std::to_integer<std::uint8_t>(*at));
  return ~crc;
}

}  // namespace

Crc32cFunction crc32c_hardware() {
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0 ? crc32c_arm : nullptr;
}

}  // namespace eventstore::internal

#else

namespace eventstore::internal {

Crc32cFunction crc32c_hardware() {
  return nullptr;
}

}  // namespace eventstore::internal

#endif
