#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/file_system.hpp"
#include "eventstore/position.hpp"

namespace eventstore::log {

// The page through which the writer tells other processes of this machine how far the log is
// durable. Words: docs/formats/store.md.
//
// Threads: one writer and many readers, in any process.
class HeadPage {
 public:
  explicit HeadPage(std::unique_ptr<SharedPage> page) : page_(std::move(page)) {}

  // What the page says, if it was written since the machine started.
  bool is_of_boot(const Uuid& boot_id) const;
  // Whether an access to the page failed, so that nothing in it means anything any more.
  bool is_lost() const;
  GlobalPosition durable_head() const { return {load(kDurableHead)}; }
  // What was durable at some time, whenever that was: a word of the page was never ahead of the
  // disk. 0 where the page says nothing.
  GlobalPosition durable_head_of_any_boot() const {
    return load(kMagicWord) == kMagic ? durable_head() : GlobalPosition{};
  }
  std::uint64_t manifest_generation() const { return load(kManifestGeneration); }
  std::uint32_t wake_word() const { return static_cast<std::uint32_t>(load(kWakeWord)); }

  // The writer begins: who wrote before it, if that process lives still, is not the writer any
  // more.
  void claim();
  // Whether no other writer has begun since.
  bool is_ours() const { return is_lost() || load(kWriterGeneration) == writer_generation_; }

  // The writer takes the page over: `head` is what recovery found and synced.
  void take_over(const Uuid& boot_id, GlobalPosition head, std::uint64_t manifest_generation);
  // Publishes a new durable head and wakes who waits, in every process.
  void publish(GlobalPosition head, std::uint64_t manifest_generation);
  // A newer manifest than the head needs is there. The next publish() may take that back.
  void announce(std::uint64_t manifest_generation) {
    store(kManifestGeneration, manifest_generation);
  }
  void wake_all();

  // Waits while the wake-up word is `seen`, for at most `timeout`.
  void wait(std::uint32_t seen, std::chrono::microseconds timeout) { page_->wait(seen, timeout); }

  static constexpr std::uint64_t kMagic = 0x3130444145485345;  // "ESHEAD01"

 private:
  // Which word of the page is what.
  static constexpr std::size_t kWakeWord = 0;
  static constexpr std::size_t kMagicWord = 1;
  static constexpr std::size_t kBootId = 2;
  static constexpr std::size_t kWriterGeneration = 4;
  static constexpr std::size_t kDurableHead = 5;
  static constexpr std::size_t kManifestGeneration = 6;

  std::uint64_t load(std::size_t word) const {
    return std::atomic_ref(page_->words()[word]).load(std::memory_order_acquire);
  }
  void store(std::size_t word, std::uint64_t value) {
    std::atomic_ref(page_->words()[word]).store(value, std::memory_order_release);
  }

  std::unique_ptr<SharedPage> page_;
  std::uint64_t writer_generation_ = 0;
};

}  // namespace eventstore::log
