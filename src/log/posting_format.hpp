#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "log/checksum.hpp"

// What the parts of a posting file share. Layout: docs/formats/posting-file.md.
namespace eventstore::log {

// Where the bytes of a posting file are not what they should be, and why: a phrase for a message.
struct PostingDamage {
  std::uint64_t offset = 0;  // bytes from the start of the file
  const char* what = "";
};
template <typename T>
using Checked = std::expected<T, PostingDamage>;

// A part of a posting file, and where in the file it starts.
struct PostingSection {
  std::span<const std::byte> bytes;
  std::uint64_t file_offset = 0;

  std::unexpected<PostingDamage> damage(std::uint64_t at, const char* what) const {
    return std::unexpected(PostingDamage{.offset = file_offset + at, .what = what});
  }
};

// LEB128: seven bits a byte, the lowest first; a set top bit says that more follow.
inline constexpr std::size_t kVarintBytesMax = 10;

inline std::byte* put_varint(std::byte* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
  *to++ = static_cast<std::byte>(value);
  return to;
}

inline void append_varint(std::vector<std::byte>& out, std::uint64_t value) {
  std::array<std::byte, kVarintBytesMax> bytes{};
  out.insert(out.end(), bytes.data(), put_varint(bytes.data(), value));
}

// Reads bytes and varints one after another. What is not there reads as 0 and makes failed() true,
// so that a caller may read all of a record before it asks.
//
// Threads: one at a time. Borrows the bytes.
class VarintReader {
 public:
  explicit VarintReader(std::span<const std::byte> bytes)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  std::uint64_t next() {
    if (at_ == end_) return fail();
    const auto first = std::to_integer<std::uint8_t>(*at_);
    if (first >= 0x80) return next_long();
    ++at_;
    return first;
  }

  std::uint8_t next_byte() {
    if (at_ == end_) return static_cast<std::uint8_t>(fail());
    return std::to_integer<std::uint8_t>(*at_++);
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > static_cast<std::size_t>(end_ - at_)) {
      fail();
      return {};
    }
    const std::span taken(at_, static_cast<std::size_t>(count));
    at_ += taken.size();
    return taken;
  }

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  std::uint64_t fail() {
    failed_ = true;
    at_ = end_;
    return 0;
  }

  std::uint64_t next_long() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = std::to_integer<std::uint64_t>(*at_++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return shift == 63 && byte > 1 ? fail() : value;
    }
    return fail();
  }

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  bool failed_ = false;
};

}  // namespace eventstore::log
