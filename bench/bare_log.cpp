#include "bare_log.hpp"

#include <chrono>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "harness.hpp"
#include "log/format.hpp"

namespace eventstore::bench {
namespace {

using log::kFrameHeaderBytes;

constexpr auto kGatherTime = std::chrono::microseconds{100};

void write_at(int file, std::span<const std::byte> bytes, std::size_t at) {
  const auto written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
  if (written < 0) fail_with_errno("pwrite");
  if (static_cast<std::size_t>(written) != bytes.size()) fail("pwrite wrote less than asked");
}

}  // namespace

BareLog::BareLog(const std::filesystem::path& path, std::size_t bytes)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (file_ < 0) fail_with_errno("open " + path.string());
  const std::vector<std::byte> zeros(std::size_t{1} << 20);
  for (std::size_t at = 0; at < bytes; at += zeros.size()) write_at(file_, zeros, at);
  if (::fsync(file_) != 0) fail_with_errno("fsync");
}

BareLog::~BareLog() {
  ::close(file_);
}

void BareLog::append(std::span<const std::byte> bytes) {
  write_at(file_, bytes, at_);
  at_ += bytes.size();
  if (::fdatasync(file_) != 0) fail_with_errno("fdatasync");
}

BareGroupLog::BareGroupLog(const std::filesystem::path& path, std::size_t bytes,
                           Gathering gathering)
    : log_(path, bytes), gathering_(gathering), buffer_(kFrameHeaderBytes) {}

void BareGroupLog::append(std::span<const std::byte> bytes) {
  std::unique_lock lock(mutex_);
  const auto group = forming_;
  const bool leads = members_.fetch_add(1, std::memory_order_relaxed) == 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  lock.unlock();
  if (!leads) return wait_until_durable(group);

  wait_until_durable(group - 1);
  if (gathering_ == Gathering::Briefly) gather();
  lock.lock();
  std::vector<std::byte> frame(kFrameHeaderBytes);
  frame.swap(buffer_);
  ++forming_;
  const auto members = members_.exchange(0, std::memory_order_relaxed);
  lock.unlock();

  log_.append(frame);
  released_ = members;
  auto& durable = durable_[group % 2];
  durable.store(group, std::memory_order_release);
  durable.notify_all();
}

void BareGroupLog::wait_until_durable(std::uint32_t group) {
  auto& durable = durable_[group % 2];
  for (auto seen = durable.load(std::memory_order_acquire); seen < group;
       seen = durable.load(std::memory_order_acquire)) {
    durable.wait(seen, std::memory_order_acquire);
  }
}

void BareGroupLog::gather() const {
  const auto until = std::chrono::steady_clock::now() + kGatherTime;
  while (members_.load(std::memory_order_relaxed) < released_ &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
}

}  // namespace eventstore::bench
