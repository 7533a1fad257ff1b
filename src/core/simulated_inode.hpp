#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/file_system.hpp"
#include "core/seeded_random.hpp"

namespace eventstore::internal {

inline constexpr std::size_t kSectorBytes = 512;

// One file of a simulated disk: its bytes as processes see them (the page cache), its bytes as they
// survive loss of power, and the writes between the two, in order and by whole sectors. Copies
// share nothing. One thread at a time.
class SimulatedInode {
 public:
  SimulatedInode() = default;
  ~SimulatedInode() = default;
  SimulatedInode(const SimulatedInode& other);
  SimulatedInode& operator=(const SimulatedInode&) = delete;

  std::uint64_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {buffer_.get(), size_}; }

  void write(std::uint64_t offset, std::span<const std::byte> bytes);

  // All that was written is durable, the length included.
  void sync();

  // Some sectors reach the disk, the others never will, though they stay in the page cache: a later
  // sync() takes them for written.
  void fail_sync(SeededRandom& random);

  // Leaves what a machine may find after loss of power: any version of each sector since the last
  // sync(), or two of them in one (the front of the newer, the rest of the older); any length since
  // then; in a part that grew, what was written, zeros, random bytes or bytes of `stale`.
  void lose_power(SeededRandom& random, std::span<const std::byte> stale);

  // A part of what was written since the last sync: sectors of one write; or none, and then the
  // length alone. Of several writes of the same sectors only the newest counts.
  struct Piece {
    std::size_t write;
    std::uint64_t first_sector;  // within the write
    std::uint64_t sectors;
  };
  std::vector<Piece> unsynced_pieces() const;
  // Leaves what a machine finds after a loss of power that let exactly these reach the disk.
  void lose_power_but(std::span<const Piece> kept);

  // True where nothing would be lost.
  bool is_durable() const;

  // A map of the first `size` bytes. It shows later writes, and outlives the inode.
  std::shared_ptr<const MappedFile> map(std::uint64_t size);

  // The first page, for stores through it; the file must not outgrow a page while it is shared.
  // Stores become writes when absorb_page_stores() sees them. After detach_page() whoever still
  // holds the page stores into nothing, and what was not absorbed is gone.
  std::shared_ptr<std::byte> share_page();
  void absorb_page_stores();
  void detach_page();

  // Changes what processes see and what is durable alike, with nothing left to sync.
  void replace(std::span<const std::byte> bytes);

  bool locked = false;

 private:
  using Page = std::array<std::byte, SharedPage::kBytes>;

  struct Write {
    std::uint64_t first_sector;
    std::vector<std::byte> sectors;
    std::uint64_t size_after;  // of the file
  };
  struct SectorVersion {
    std::uint64_t sector;
    const std::byte* bytes;
  };
  enum class Tearing : bool { No, Yes };

  void reserve(std::uint64_t size);
  void record(std::uint64_t begin, std::uint64_t end);
  void make_durable(const Write& write);
  void keep_prefix(SeededRandom& random);
  void keep_some_sectors(SeededRandom& random, Tearing tearing);
  std::span<std::byte> durable_sector(std::uint64_t sector);
  std::uint64_t some_length(SeededRandom& random) const;
  void fill_grown_part(SeededRandom& random, std::span<const std::byte> stale, std::uint64_t size);

  // What processes see. Maps hold a buffer that the file has outgrown; writes go to those too.
  std::shared_ptr<std::byte> buffer_;
  std::uint64_t capacity_ = 0;
  std::uint64_t size_ = 0;
  struct Outgrown {
    std::weak_ptr<std::byte> buffer;
    std::uint64_t capacity;
  };
  std::vector<Outgrown> outgrown_;

  std::vector<std::byte> durable_;  // whole sectors, those beyond durable_size_ included
  std::uint64_t durable_size_ = 0;
  std::vector<Write> unsynced_;
  bool lost_a_write_ = false;  // a failed sync left durable_ behind, for good

  std::unique_ptr<Page> page_seen_;  // while the page is shared: as absorb_page_stores() left it
};

}  // namespace eventstore::internal
