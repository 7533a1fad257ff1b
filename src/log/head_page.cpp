#include "log/head_page.hpp"

#include "core/codec.hpp"
#include "core/mapped_access.hpp"

namespace eventstore::log {

bool HeadPage::is_of_boot(const Uuid& boot_id) const {
  return load(kMagicWord) == kMagic &&
         load(kBootId) == load_le<std::uint64_t>(boot_id.bytes.data()) &&
         load(kBootId + 1) == load_le<std::uint64_t>(boot_id.bytes.data() + 8);
}

bool HeadPage::is_lost() const {
  constexpr auto kLostWord = std::to_integer<std::uint64_t>(kLostByte) * 0x0101010101010101;
  return load(kMagicWord) == kLostWord;
}

void HeadPage::claim() {
  writer_generation_ = load(kWriterGeneration) + 1;
  store(kWriterGeneration, writer_generation_);
}

void HeadPage::take_over(const Uuid& boot_id, GlobalPosition head,
                         std::uint64_t manifest_generation) {
  // The boot id comes last: until it is there, nobody trusts the rest.
  store(kDurableHead, head.value);
  store(kManifestGeneration, manifest_generation);
  store(kBootId, load_le<std::uint64_t>(boot_id.bytes.data()));
  store(kBootId + 1, load_le<std::uint64_t>(boot_id.bytes.data() + 8));
  store(kMagicWord, kMagic);
  wake_all();
}

void HeadPage::publish(GlobalPosition head, std::uint64_t manifest_generation) {
  store(kManifestGeneration, manifest_generation);
  store(kDurableHead, head.value);
  wake_all();
}

void HeadPage::wake_all() {
  // Only the writer changes the word, so this need not be one atomic step.
  store(kWakeWord, static_cast<std::uint32_t>(load(kWakeWord) + 1));
  page_->wake_all();
}

}  // namespace eventstore::log
