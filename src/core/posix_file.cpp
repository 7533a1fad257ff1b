#include "core/posix_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/posix_map_registry.hpp"

namespace eventstore::internal {
namespace {

constexpr mode_t kMode = 0666;                // the umask decides
constexpr std::size_t kPartsPerCallMax = 64;  // IOV_MAX is 1024

// Past the process's file-size limit the kernel answers EFBIG, but first sends SIGXFSZ, which
// kills. While this object lives, the signal waits in this thread instead, and forget() drops it.
// How the process handles signals is the program's to say, so that is left alone.
class FileSizeSignalHeld {
 public:
  FileSizeSignalHeld() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  FileSizeSignalHeld(const FileSizeSignalHeld&) = delete;
  FileSizeSignalHeld& operator=(const FileSizeSignalHeld&) = delete;

  void forget() const {
    const timespec at_once{};
    while (sigtimedwait(&signal_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t signal_{};
  sigset_t before_{};
};

// Where a gathered write stands: which part is next, and how much of it is written.
class Gather {
 public:
  explicit Gather(std::span<const std::span<const std::byte>> parts) : parts_(parts) { advance(0); }

  bool done() const { return parts_.empty(); }

  // The next parts, as many as one call takes.
  std::span<const iovec> next() {
    const std::size_t count = std::min(parts_.size(), kPartsPerCallMax);
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const std::byte> part = i == 0 ? parts_[i].subspan(written_) : parts_[i];
      // The kernel only reads, but iovec knows no const.
      vectors_[i] = {.iov_base = const_cast<std::byte*>(part.data()), .iov_len = part.size()};
    }
    return std::span(vectors_).first(count);
  }

  void advance(std::size_t bytes) {
    written_ += bytes;
    while (!parts_.empty() && written_ >= parts_.front().size()) {
      written_ -= parts_.front().size();
      parts_ = parts_.subspan(1);
    }
  }

 private:
  std::span<const std::span<const std::byte>> parts_;
  std::size_t written_ = 0;  // of the first of parts_
  std::array<iovec, kPartsPerCallMax> vectors_{};
};

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(void* at, std::size_t size) {
    bytes_ = {static_cast<const std::byte*>(at), size};
    if (!bytes_.empty()) register_map(bytes_);
  }
  ~PosixMappedFile() override {
    if (bytes_.empty()) return;
    unregister_map(bytes_);
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  PosixMappedFile(const PosixMappedFile&) = delete;
  PosixMappedFile& operator=(const PosixMappedFile&) = delete;
};

}  // namespace

Error system_error(std::string_view path, std::string_view call, int error_number) {
  std::array<char, 128> buffer{};
  const char* const text = strerror_r(error_number, buffer.data(), buffer.size());
  std::string message(path);
  message.append(": ").append(call).append(": ").append(text);
  message.append(" (errno ").append(std::to_string(error_number)).append(")");
  if (error_number == EROFS) message.append("; what is there can only be read");

  ErrorCode code = ErrorCode::Io;
  if (error_number == ENOENT) code = ErrorCode::NotFound;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
    code = ErrorCode::NoSpace;
  }
  if (error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM) {
    code = ErrorCode::OutOfResources;
  }
  return Error{.code = code, .message = std::move(message)};
}

Error map_beyond_end(std::string_view path, std::uint64_t wanted, std::uint64_t size) {
  return Error{.code = ErrorCode::Io,
               .message = std::string(path) + ": mmap: " + std::to_string(wanted) +
                          " bytes wanted, the file has " + std::to_string(size)};
}

// Errors of close say nothing that sync has not said, and it must not be called twice.
Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

Result<Descriptor> open_descriptor(const std::string& path, int flags) {
  int number = -1;
  do {
    number = open(path.c_str(), flags | O_CLOEXEC, kMode);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return std::unexpected(system_error(path, "open", errno));
  return Descriptor(number);
}

Result<std::uint64_t> size_of(int descriptor, std::string_view path) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0) return std::unexpected(system_error(path, "fstat", errno));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::size_t> PosixFile::read(std::uint64_t offset, std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = pread(descriptor_.number(), out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error(path_, "pread", errno));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> PosixFile::write(std::uint64_t offset,
                              std::span<const std::span<const std::byte>> parts) {
  Gather gather(parts);
  const FileSizeSignalHeld held;
  while (!gather.done()) {
    const std::span<const iovec> vectors = gather.next();
    const ssize_t count = pwritev(descriptor_.number(), vectors.data(),
                                  static_cast<int>(vectors.size()), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error_number = count == 0 ? EIO : errno;
      if (error_number == EFBIG) held.forget();
      return std::unexpected(system_error(path_, "pwritev", error_number));
    }
    offset += static_cast<std::uint64_t>(count);
    gather.advance(static_cast<std::size_t>(count));
  }
  return {};
}

// Once, whatever it answers: after a failure a second call may succeed without having written.
Result<void> PosixFile::sync() {
  if (fdatasync(descriptor_.number()) != 0) {
    return std::unexpected(system_error(path_, "fdatasync", errno));
  }
  return {};
}

Result<std::uint64_t> PosixFile::size() {
  return size_of(descriptor_.number(), path_);
}

Result<std::shared_ptr<const MappedFile>> PosixFile::map(std::uint64_t size) {
  const auto file_size = this->size();
  if (!file_size) return std::unexpected(file_size.error());
  if (size > *file_size) {
    return std::unexpected(map_beyond_end(path_, size, *file_size));
  }
  if (size == 0) return std::make_shared<PosixMappedFile>(nullptr, 0);  // mmap refuses it
  void* const at = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_.number(), 0);
  if (at == MAP_FAILED) return std::unexpected(system_error(path_, "mmap", errno));
  return std::make_shared<PosixMappedFile>(at, size);
}

}  // namespace eventstore::internal
