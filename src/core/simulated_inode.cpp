#include "core/simulated_inode.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.hpp"

namespace eventstore::internal {
namespace {

constexpr std::uint64_t kCapacityBytesMin = SharedPage::kBytes;

// Past so many unsynced writes the older half is written back, as a kernel does after some seconds.
constexpr std::size_t kUnsyncedWritesMax = 256;

constexpr std::uint64_t sectors_for(std::uint64_t bytes) {
  return (bytes + kSectorBytes - 1) / kSectorBytes;
}

class BufferMap final : public MappedFile {
 public:
  BufferMap(std::shared_ptr<const std::byte> buffer, std::uint64_t size)
      : buffer_(std::move(buffer)) {
    bytes_ = {buffer_.get(), size};
  }

 private:
  std::shared_ptr<const std::byte> buffer_;
};

// Zeroed, and aligned for any integer.
std::shared_ptr<std::byte> make_buffer(std::uint64_t capacity) {
  const std::shared_ptr<std::byte[]> array =    // NOLINT(modernize-avoid-c-arrays): run-time size
      std::make_shared<std::byte[]>(capacity);  // NOLINT(modernize-avoid-c-arrays)
  return {array, array.get()};
}

}  // namespace

SimulatedInode::SimulatedInode(const SimulatedInode& other)
    : size_(other.size_),
      durable_(other.durable_),
      durable_size_(other.durable_size_),
      unsynced_(other.unsynced_),
      lost_a_write_(other.lost_a_write_) {
  reserve(size_);
  if (size_ > 0) std::memcpy(buffer_.get(), other.buffer_.get(), size_);
  if (other.page_seen_ != nullptr) page_seen_ = std::make_unique<Page>(*other.page_seen_);
  absorb_page_stores();
  page_seen_.reset();  // nobody has the copy's page
}

void SimulatedInode::reserve(std::uint64_t size) {
  if (size <= capacity_) return;
  CHECK(page_seen_ == nullptr);  // the store would go on into the outgrown buffer
  const std::uint64_t capacity = std::max(std::max(size, 2 * capacity_), kCapacityBytesMin);
  auto larger = make_buffer(capacity);
  if (buffer_ != nullptr) {
    std::memcpy(larger.get(), buffer_.get(), capacity_);
    outgrown_.push_back({.buffer = buffer_, .capacity = capacity_});
  }
  buffer_ = std::move(larger);
  capacity_ = capacity;
}

void SimulatedInode::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  absorb_page_stores();
  const std::uint64_t end = offset + bytes.size();
  reserve(end);
  std::memcpy(buffer_.get() + offset, bytes.data(), bytes.size());
  std::erase_if(outgrown_, [](const Outgrown& old) { return old.buffer.expired(); });
  for (const Outgrown& old : outgrown_) {
    if (offset >= old.capacity) continue;
    const std::size_t count = std::min(bytes.size(), old.capacity - offset);
    std::memcpy(old.buffer.lock().get() + offset, bytes.data(), count);
  }
  size_ = std::max(size_, end);
  record(offset, end);
  if (page_seen_ != nullptr) std::memcpy(page_seen_->data(), buffer_.get(), SharedPage::kBytes);
}

// Notes the sectors that hold the bytes from `begin` to `end` as written, as they are now.
void SimulatedInode::record(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t first_sector = begin / kSectorBytes;
  const std::uint64_t first_byte = first_sector * kSectorBytes;
  const std::uint64_t size = (sectors_for(end) - first_sector) * kSectorBytes;
  const std::byte* const from = buffer_.get() + first_byte;
  std::vector<std::byte> sectors(from, from + std::min(size, size_ - first_byte));
  sectors.resize(size);
  unsynced_.push_back(
      {.first_sector = first_sector, .sectors = std::move(sectors), .size_after = size_});

  if (unsynced_.size() > kUnsyncedWritesMax) {
    const auto middle = unsynced_.begin() + kUnsyncedWritesMax / 2;
    std::for_each(unsynced_.begin(), middle, [this](const Write& write) { make_durable(write); });
    unsynced_.erase(unsynced_.begin(), middle);
  }
}

void SimulatedInode::make_durable(const Write& write) {
  const std::uint64_t begin = write.first_sector * kSectorBytes;
  if (begin == durable_.size()) {
    durable_.insert(durable_.end(), write.sectors.begin(), write.sectors.end());
  } else {
    durable_.resize(std::max(durable_.size(), begin + write.sectors.size()));
    std::memcpy(durable_.data() + begin, write.sectors.data(), write.sectors.size());
  }
  durable_size_ = std::max(durable_size_, write.size_after);
}

bool SimulatedInode::is_durable() const {
  return unsynced_.empty() && !lost_a_write_ && durable_size_ == size_;
}

void SimulatedInode::sync() {
  absorb_page_stores();
  for (const Write& write : unsynced_) make_durable(write);
  unsynced_.clear();
  durable_size_ = size_;
  durable_.resize(sectors_for(size_) * kSectorBytes);
}

void SimulatedInode::fail_sync(SeededRandom& random) {
  absorb_page_stores();
  if (unsynced_.empty()) return;
  if (random.chance(1, 2)) keep_some_sectors(random, Tearing::No);
  unsynced_.clear();
  lost_a_write_ = true;
}

void SimulatedInode::lose_power(SeededRandom& random, std::span<const std::byte> stale) {
  CHECK(page_seen_ == nullptr);
  if (is_durable()) return;

  switch (random.below(5)) {
    case 0:  // all is lost
      break;
    case 1:
      keep_prefix(random);
      break;
    case 2: {  // the length without the bytes, or with some
      const std::uint64_t size = some_length(random);
      fill_grown_part(random, stale, size);
      if (random.chance(1, 2)) keep_some_sectors(random, Tearing::No);
      durable_size_ = size;
      break;
    }
    case 3:
      durable_size_ = some_length(random);
      keep_some_sectors(random, Tearing::No);
      break;
    default:
      durable_size_ = some_length(random);
      keep_some_sectors(random, Tearing::Yes);
      break;
  }

  durable_.resize(durable_size_);
  const std::vector<std::byte> left = std::exchange(durable_, {});
  replace(left);
}

std::vector<SimulatedInode::Piece> SimulatedInode::unsynced_pieces() const {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const Write& write = unsynced_[i];
    const auto is_again = [&write](const Write& later) {
      return later.first_sector == write.first_sector &&
             later.sectors.size() == write.sectors.size();
    };
    if (std::any_of(unsynced_.begin() + static_cast<std::ptrdiff_t>(i) + 1, unsynced_.end(),
                    is_again)) {
      continue;
    }
    pieces.push_back(
        {.write = i, .first_sector = 0, .sectors = write.sectors.size() / kSectorBytes});
  }
  if (size_ > durable_size_ && !unsynced_.empty()) {
    pieces.push_back({.write = unsynced_.size() - 1, .first_sector = 0, .sectors = 0});
  }
  return pieces;
}

void SimulatedInode::lose_power_but(std::span<const Piece> kept) {
  CHECK(page_seen_ == nullptr);
  if (is_durable()) return;
  for (const Piece& piece : kept) {
    const Write& write = unsynced_[piece.write];
    if (piece.sectors == 0) {
      durable_size_ = std::max(durable_size_, size_);
      continue;
    }
    const std::uint64_t begin = (write.first_sector + piece.first_sector) * kSectorBytes;
    const std::uint64_t end = begin + piece.sectors * kSectorBytes;
    if (durable_.size() < end) durable_.resize(end);
    std::memcpy(durable_.data() + begin, write.sectors.data() + piece.first_sector * kSectorBytes,
                end - begin);
    durable_size_ = std::max(durable_size_, std::min(end, write.size_after));
  }
  durable_.resize(durable_size_);
  const std::vector<std::byte> left = std::exchange(durable_, {});
  replace(left);
}

// The writes before some moment, in order; the last of them in part.
void SimulatedInode::keep_prefix(SeededRandom& random) {
  const std::uint64_t whole = random.below(unsynced_.size() + 1);
  for (std::uint64_t i = 0; i < whole; ++i) make_durable(unsynced_[i]);
  if (whole == unsynced_.size()) return;

  Write& partial = unsynced_[whole];
  const std::uint64_t kept = random.below(partial.sectors.size() / kSectorBytes + 1);
  partial.sectors.resize(kept * kSectorBytes);
  const std::uint64_t end = (partial.first_sector + kept) * kSectorBytes;
  partial.size_after = std::min(partial.size_after, end);
  if (kept > 0) make_durable(partial);
}

// Each sector on its own: none, some or all of its writes; if torn, the last of those in part.
void SimulatedInode::keep_some_sectors(SeededRandom& random, Tearing tearing) {
  std::vector<SectorVersion> versions;
  for (const Write& write : unsynced_) {
    for (std::uint64_t i = 0; i < write.sectors.size() / kSectorBytes; ++i) {
      versions.push_back(
          {.sector = write.first_sector + i, .bytes = write.sectors.data() + i * kSectorBytes});
    }
  }
  std::ranges::stable_sort(versions, {}, &SectorVersion::sector);

  const std::uint64_t kept_of_16 = 1 + random.below(15);
  for (auto begin = versions.begin(); begin != versions.end();) {
    const std::uint64_t sector = begin->sector;
    const auto end = std::find_if(begin, versions.end(), [sector](const SectorVersion& version) {
      return version.sector != sector;
    });
    const auto count = static_cast<std::uint64_t>(end - begin);
    std::uint64_t newest = random.chance(kept_of_16, 16) ? count : 0;
    if (count > 1 && random.chance(1, 2)) newest = random.below(count + 1);
    const bool torn = newest > 0 && tearing == Tearing::Yes && random.chance(1, 4);

    const std::span<std::byte> to = durable_sector(sector);
    const auto copy = [&](std::uint64_t version, std::size_t bytes) {
      std::memcpy(to.data(), (begin + static_cast<std::ptrdiff_t>(version) - 1)->bytes, bytes);
    };
    if (torn && newest > 1) copy(newest - 1, kSectorBytes);
    if (newest > 0) copy(newest, torn ? random.below(kSectorBytes) : kSectorBytes);
    begin = end;
  }
}

std::span<std::byte> SimulatedInode::durable_sector(std::uint64_t sector) {
  const std::uint64_t end = (sector + 1) * kSectorBytes;
  if (durable_.size() < end) durable_.resize(end);
  return std::span(durable_).subspan(sector * kSectorBytes, kSectorBytes);
}

std::uint64_t SimulatedInode::some_length(SeededRandom& random) const {
  if (unsynced_.empty() || random.chance(1, 2)) return size_;
  if (random.chance(1, 2)) return durable_size_;
  return unsynced_[random.below(unsynced_.size())].size_after;
}

void SimulatedInode::fill_grown_part(SeededRandom& random, std::span<const std::byte> stale,
                                     std::uint64_t size) {
  const std::uint64_t begin = sectors_for(durable_size_) * kSectorBytes;
  const std::uint64_t end = sectors_for(size) * kSectorBytes;
  if (begin >= end) return;
  if (durable_.size() < end) durable_.resize(end);
  if (random.chance(1, 2)) return;  // zeros

  for (std::uint64_t at = begin; at < end; at += kSectorBytes) {
    const std::span<std::byte> sector = std::span(durable_).subspan(at, kSectorBytes);
    if (stale.size() < kSectorBytes || random.chance(1, 4)) {
      random.fill(sector);
    } else {
      const std::uint64_t from = random.below(stale.size() / kSectorBytes) * kSectorBytes;
      std::memcpy(sector.data(), stale.data() + from, kSectorBytes);
    }
  }
}

std::shared_ptr<const MappedFile> SimulatedInode::map(std::uint64_t size) {
  CHECK(size <= size_);
  return std::make_shared<BufferMap>(buffer_, size);
}

std::shared_ptr<std::byte> SimulatedInode::share_page() {
  CHECK(size_ >= SharedPage::kBytes);
  if (page_seen_ == nullptr) {
    page_seen_ = std::make_unique<Page>();
    std::memcpy(page_seen_->data(), buffer_.get(), SharedPage::kBytes);
  }
  return buffer_;
}

void SimulatedInode::absorb_page_stores() {
  if (page_seen_ == nullptr) return;
  for (std::size_t at = 0; at < SharedPage::kBytes; at += kSectorBytes) {
    if (std::memcmp(page_seen_->data() + at, buffer_.get() + at, kSectorBytes) == 0) continue;
    std::memcpy(page_seen_->data() + at, buffer_.get() + at, kSectorBytes);
    record(at, at + kSectorBytes);
  }
}

void SimulatedInode::detach_page() {
  if (page_seen_ == nullptr) return;
  auto fresh = make_buffer(capacity_);
  std::memcpy(fresh.get(), buffer_.get(), size_);
  std::memcpy(fresh.get(), page_seen_->data(), SharedPage::kBytes);
  buffer_ = std::move(fresh);
  page_seen_.reset();
}

void SimulatedInode::replace(std::span<const std::byte> bytes) {
  durable_.assign(bytes.begin(), bytes.end());
  durable_.resize(sectors_for(bytes.size()) * kSectorBytes);
  durable_size_ = bytes.size();
  unsynced_.clear();
  lost_a_write_ = false;

  // A new buffer: what the old maps show is up to whoever still looks.
  CHECK(page_seen_ == nullptr);
  buffer_.reset();
  capacity_ = 0;
  outgrown_.clear();
  size_ = bytes.size();
  reserve(size_);
  if (size_ > 0) std::memcpy(buffer_.get(), bytes.data(), bytes.size());
}

}  // namespace eventstore::internal
