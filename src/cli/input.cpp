#include "cli/input.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

namespace eventstore::cli {
namespace {

constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// Whether these are the first bytes of a frame of zstd: of data, or of what is to be skipped, with
// which some programs begin (RFC 8878, section 3.1).
bool is_zstd(std::string_view magic) {
  const bool is_skippable =
      magic.size() == kMagicBytes && (magic[0] & 0xf0) == 0x50 && magic.substr(1) == "\x2a\x4d\x18";
  return magic == "\x28\xb5\x2f\xfd" || is_skippable;
}

}  // namespace

void Input::FreeDecompressor::operator()(ZSTD_DCtx_s* decompressor) const {
  ZSTD_freeDCtx(decompressor);
}

void Input::CloseFile::operator()(std::FILE* file) const {
  if (file != stdin) static_cast<void>(std::fclose(file));
}

Expected<std::unique_ptr<Input>> Input::open(const std::string& path, int wake_fd) {
  const bool is_stdin = path == "-";
  std::FILE* file = is_stdin ? stdin : std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return std::unexpected(io_failure("cannot open " + path, errno));
  std::unique_ptr<Input> input(new Input(is_stdin ? "standard input" : path, file, wake_fd));
  const auto detected = input->detect_compression();
  if (!detected) return std::unexpected(detected.error());
  return input;
}

Input::Input(std::string name, std::FILE* file, int wake_fd)
    : name_(std::move(name)), file_(file), wake_fd_(wake_fd) {
  struct stat status{};
  if (::fstat(::fileno(file), &status) == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
}

Input::~Input() = default;

Expected<void> Input::detect_compression() {
  std::array<char, kMagicBytes> first{};
  std::size_t size = 0;
  while (size < first.size()) {
    const auto read = read_raw(std::span(first).subspan(size));
    if (!read) return std::unexpected(read.error());
    if (*read == 0) break;
    size += *read;
  }
  raw_.assign(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(size));
  if (std::string_view(first.data(), size).starts_with("\x1f\x8b")) {
    return std::unexpected(bad_input(
        "is compressed by gzip, which is not read: `zcat FILE | event-store event import -`"));
  }
  if (is_zstd({first.data(), size})) decompressor_.reset(ZSTD_createDCtx());
  return {};
}

Expected<std::size_t> Input::read(std::span<char> out) {
  if (decompressor_) return decompress(out);
  if (raw_begin_ == raw_.size()) {
    auto read = read_raw(out);
    raw_used_ += read.value_or(0);
    return read;
  }
  const auto size = std::min(out.size(), raw_.size() - raw_begin_);
  std::copy_n(raw_.begin() + static_cast<std::ptrdiff_t>(raw_begin_), size, out.begin());
  raw_begin_ += size;
  raw_used_ += size;
  return size;
}

Expected<std::size_t> Input::read_raw(std::span<char> out) {
  const int fd = ::fileno(file_.get());
  for (;;) {
    if (wake_fd_ >= 0) {
      std::array<pollfd, 2> fds{{{.fd = fd, .events = POLLIN, .revents = 0},
                                 {.fd = wake_fd_, .events = POLLIN, .revents = 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;  // EINTR
      if (fds[1].revents != 0) return std::unexpected(Failure("cancelled", "interrupted"));
    }
    const auto read = ::read(fd, out.data(), out.size());
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return std::unexpected(io_failure("cannot read " + name_, errno));
    return static_cast<std::size_t>(read);
  }
}

Expected<std::size_t> Input::decompress(std::span<char> out) {
  for (;;) {
    ZSTD_inBuffer input{.src = raw_.data(), .size = raw_.size(), .pos = raw_begin_};
    ZSTD_outBuffer output{.dst = out.data(), .size = out.size(), .pos = 0};
    const auto left = ZSTD_decompressStream(decompressor_.get(), &output, &input);
    if (ZSTD_isError(left) != 0) {
      return std::unexpected(bad_input(std::string("is damaged: its zstd compression says: ") +
                                       ZSTD_getErrorName(left)));
    }
    const bool moved = input.pos != raw_begin_ || output.pos > 0;
    if (moved) in_frame_ = left != 0;
    raw_used_ += input.pos - raw_begin_;
    raw_begin_ = input.pos;
    if (output.pos > 0) return output.pos;
    if (raw_begin_ < raw_.size()) continue;

    raw_.resize(kChunkBytes);
    raw_begin_ = 0;
    const auto read = read_raw(raw_);
    raw_.resize(read.value_or(0));
    if (!read) return std::unexpected(read.error());
    if (*read == 0 && in_frame_) {
      return std::unexpected(bad_input("ends in the middle of its zstd compression"));
    }
    if (*read == 0) return 0;
  }
}

Failure Input::bad_input(const std::string& reason) const {
  Failure failure("bad_input", name_ + ' ' + reason);
  failure.details = {{"file", name_}, {"reason", reason}};
  return failure;
}

std::optional<double> Input::share_used() const {
  if (size_ == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(raw_used_) / static_cast<double>(size_));
}

}  // namespace eventstore::cli
