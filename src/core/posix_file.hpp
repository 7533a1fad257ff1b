#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/file_system.hpp"

namespace eventstore::internal {

// What errno says, as an Error: `path: call: text (errno N)`. ENOENT is NotFound; ENOSPC, EDQUOT
// and EFBIG are NoSpace; EMFILE, ENFILE and ENOMEM are OutOfResources; all else is Io.
Error system_error(std::string_view path, std::string_view call, int error_number);

// The Error (Io) of a map that would reach beyond the end of its file.
Error map_beyond_end(std::string_view path, std::uint64_t wanted, std::uint64_t size);

// Owns a file descriptor. One thread at a time.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC added, over interruptions.
Result<Descriptor> open_descriptor(const std::string& path, int flags);

// The size of an open file.
Result<std::uint64_t> size_of(int descriptor, std::string_view path);

// A file of the operating system. As File says.
class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override;
  Result<void> write(std::uint64_t offset,
                     std::span<const std::span<const std::byte>> parts) override;
  Result<void> sync() override;
  Result<std::uint64_t> size() override;
  Result<std::shared_ptr<const MappedFile>> map(std::uint64_t size) override;

 private:
  Descriptor descriptor_;
  std::string path_;  // for messages only
};

}  // namespace eventstore::internal
