#include "core/simulated_disk.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/check.hpp"
#include "core/path_names.hpp"

namespace eventstore {
namespace {

using internal::normal_path;
using internal::parent_path;

constexpr std::size_t kStaleBytesMax = 16384;

}  // namespace

// Keeps it that two names of one file in `other` are two names of one file in the copy.
SimulatedDisk::SimulatedDisk(const SimulatedDisk& other) : stale_(other.stale_) {
  std::map<const Inode*, std::shared_ptr<Inode>> copies;  // looked up, never walked
  const auto copy_of = [&copies](const std::shared_ptr<Inode>& inode) {
    if (inode == nullptr) return inode;
    std::shared_ptr<Inode>& copy = copies[inode.get()];
    if (copy == nullptr) copy = std::make_shared<Inode>(*inode);
    return copy;
  };
  const auto copy_names = [&copy_of](Names& to, const Names& from) {
    to.directories = from.directories;
    for (const auto& [path, inode] : from.files) to.files.emplace(path, copy_of(inode));
  };
  copy_names(seen_, other.seen_);
  copy_names(durable_, other.durable_);
  unsynced_ = other.unsynced_;
  for (auto& [directory, changes] : unsynced_) {
    for (NameChange& change : changes) change.inode = copy_of(change.inode);
  }
}

SimulatedDisk& SimulatedDisk::operator=(const SimulatedDisk& other) {
  SimulatedDisk copy(other);
  *this = std::move(copy);
  return *this;
}

std::vector<std::string> SimulatedDisk::files() const {
  std::vector<std::string> paths;
  for (const auto& [path, inode] : seen_.files) paths.push_back(path);
  return paths;
}

bool SimulatedDisk::exists(std::string_view path) const {
  return find(normal_path(path)) != nullptr;
}

std::vector<std::byte> SimulatedDisk::contents(std::string_view path) const {
  const auto inode = existing(path);
  return {inode->bytes().begin(), inode->bytes().end()};
}

void SimulatedDisk::put(std::string_view path, std::span<const std::byte> bytes) {
  const std::string normal = normal_path(path);
  for (std::string_view folder = parent_path(normal); !internal::is_root(folder);
       folder = parent_path(folder)) {
    sync_directory(std::string(parent_path(folder)));
    seen_.directories.emplace(folder);
    durable_.directories.emplace(folder);
  }
  sync_directory(std::string(parent_path(normal)));
  std::shared_ptr<Inode> inode = find(normal);
  if (inode == nullptr) inode = std::make_shared<Inode>();
  inode->replace(bytes);
  seen_.files.insert_or_assign(normal, inode);
  durable_.files.insert_or_assign(normal, inode);
}

void SimulatedDisk::remove(std::string_view path) {
  const std::string normal = normal_path(path);
  unlink(normal);
  sync_directory(std::string(parent_path(normal)));
}

void SimulatedDisk::flip_bit(std::string_view path, std::uint64_t offset, unsigned bit) {
  std::vector<std::byte> bytes = contents(path);
  CHECK(offset < bytes.size() && bit < 8);
  bytes[offset] ^= std::byte{1} << bit;
  existing(path)->replace(bytes);
}

void SimulatedDisk::overwrite(std::string_view path, std::uint64_t offset,
                              std::span<const std::byte> bytes) {
  std::vector<std::byte> all = contents(path);
  if (all.size() < offset + bytes.size()) all.resize(offset + bytes.size());
  std::ranges::copy(bytes, all.begin() + static_cast<std::ptrdiff_t>(offset));
  existing(path)->replace(all);
}

void SimulatedDisk::truncate(std::string_view path, std::uint64_t size) {
  std::vector<std::byte> bytes = contents(path);
  bytes.resize(size);
  existing(path)->replace(bytes);
}

std::shared_ptr<SimulatedDisk::Inode> SimulatedDisk::existing(std::string_view path) const {
  auto inode = find(normal_path(path));
  CHECK(inode != nullptr);
  return inode;
}

void SimulatedDisk::Names::apply(const NameChange& change) {
  switch (change.kind) {
    case NameChange::Kind::Create:
      files.insert_or_assign(change.path, change.inode);
      break;
    case NameChange::Kind::CreateDirectory:
      directories.insert(change.path);
      break;
    case NameChange::Kind::Rename:
      files.erase(change.path);
      files.insert_or_assign(change.to, change.inode);
      break;
    case NameChange::Kind::Remove:
      files.erase(change.path);
      break;
  }
}

bool SimulatedDisk::Names::is_directory(std::string_view path) const {
  return internal::is_root(path) || directories.contains(path);
}

std::shared_ptr<SimulatedDisk::Inode> SimulatedDisk::find(std::string_view path) const {
  const auto entry = seen_.files.find(path);
  return entry == seen_.files.end() ? nullptr : entry->second;
}

void SimulatedDisk::change(NameChange change) {
  seen_.apply(change);
  std::string directory(parent_path(change.path));
  unsynced_[std::move(directory)].push_back(std::move(change));
}

std::shared_ptr<SimulatedDisk::Inode> SimulatedDisk::create(const std::string& path) {
  auto inode = std::make_shared<Inode>();
  change({.kind = NameChange::Kind::Create, .path = path, .to = {}, .inode = inode});
  return inode;
}

void SimulatedDisk::create_directory(const std::string& path) {
  change({.kind = NameChange::Kind::CreateDirectory, .path = path, .to = {}, .inode = nullptr});
}

void SimulatedDisk::rename(const std::string& from, const std::string& to) {
  CHECK(parent_path(from) == parent_path(to));
  const auto replaced = find(to);
  if (replaced != nullptr) keep_stale(*replaced);
  change({.kind = NameChange::Kind::Rename, .path = from, .to = to, .inode = find(from)});
}

void SimulatedDisk::unlink(const std::string& path) {
  keep_stale(*existing(path));
  change({.kind = NameChange::Kind::Remove, .path = path, .to = {}, .inode = nullptr});
}

void SimulatedDisk::keep_stale(const Inode& inode) {
  const auto bytes = inode.bytes().first(std::min<std::size_t>(inode.size(), kStaleBytesMax));
  stale_.insert(stale_.begin(), bytes.begin(), bytes.end());
  stale_.resize(std::min(stale_.size(), kStaleBytesMax));
}

void SimulatedDisk::sync_directory(const std::string& path) {
  const auto changes = unsynced_.find(path);
  if (changes == unsynced_.end()) return;
  for (const NameChange& change : changes->second) durable_.apply(change);
  unsynced_.erase(changes);
}

void SimulatedDisk::absorb_page_stores() {
  for (const auto& [path, inode] : seen_.files) inode->absorb_page_stores();
}

void SimulatedDisk::end_process() {
  for (const auto& [path, inode] : seen_.files) {
    inode->detach_page();
    inode->locked = false;
  }
}

void SimulatedDisk::lose_power(SeededRandom& random) {
  for (const auto& [directory, changes] : unsynced_) keep_some_names(random, changes);
  unsynced_.clear();
  drop_unreachable();
  // A file that lost its name may have left its bytes in space that another one grew into.
  for (const auto& [path, inode] : seen_.files) {
    if (!durable_.files.contains(path)) keep_stale(*inode);
  }
  for (const auto& [path, inode] : durable_.files) {
    inode->detach_page();
    inode->locked = false;
    inode->lose_power(random, stale_);
  }
  seen_ = durable_;
}

void SimulatedDisk::drop_unreachable() {
  // What lies in a directory that is gone is gone. A directory sorts before all that is in it.
  std::erase_if(durable_.directories, [this](const std::string& path) {
    return !durable_.is_directory(parent_path(path));
  });
  std::erase_if(durable_.files, [this](const auto& entry) {
    return !durable_.is_directory(parent_path(entry.first));
  });
}

SimulatedDisk::Pieces SimulatedDisk::pieces(std::size_t wanted) const {
  Pieces pieces;
  for (const auto& [directory, changes] : unsynced_) {
    for (const NameChange& change : changes) pieces.names.push_back(&change);
  }
  std::set<const Inode*> listed;  // looked up, never walked
  for (const auto* names : {&seen_, &durable_}) {
    for (const auto& [path, inode] : names->files) {
      if (!listed.insert(inode.get()).second) continue;
      for (const auto& piece : inode->unsynced_pieces()) pieces.writes.emplace_back(inode, piece);
    }
  }
  auto& writes = pieces.writes;
  const auto sectors = [](const auto& write) { return write.second.sectors; };
  while (!writes.empty() && pieces.names.size() + writes.size() < wanted) {
    const auto longest = std::ranges::max_element(writes, {}, sectors);
    if (sectors(*longest) < 2) break;
    auto second = *longest;
    const auto first_half = second.second.sectors / 2;
    longest->second.sectors = first_half;
    second.second.first_sector += first_half;
    second.second.sectors -= first_half;
    writes.insert(longest + 1, std::move(second));
  }
  return pieces;
}

std::size_t SimulatedDisk::unsynced_pieces(std::size_t pieces_wanted) const {
  const auto all = pieces(pieces_wanted);
  return all.names.size() + all.writes.size();
}

bool SimulatedDisk::lose_power_but(std::uint64_t kept, std::size_t pieces_wanted) {
  const auto all = pieces(pieces_wanted);
  std::set<std::string, std::less<>> lost;
  Names names = durable_;
  for (std::size_t i = 0; i < all.names.size(); ++i) {
    const NameChange& change = *all.names[i];
    if ((kept >> i & 1) == 0) {
      lost.insert(change.path);
      if (!change.to.empty()) lost.insert(change.to);
    } else if (lost.contains(change.path) || lost.contains(change.to)) {
      return false;
    } else {
      names.apply(change);
    }
  }
  std::map<Inode*, std::vector<Inode::Piece>> writes;  // looked up, never walked
  for (std::size_t i = 0; i < all.writes.size(); ++i) {
    const auto& [inode, piece] = all.writes[i];
    if ((kept >> (all.names.size() + i) & 1) != 0) writes[inode.get()].push_back(piece);
  }
  end_process();
  durable_ = std::move(names);
  unsynced_.clear();
  drop_unreachable();
  for (const auto& [path, inode] : durable_.files) {
    inode->detach_page();
    inode->locked = false;
    inode->lose_power_but(writes[inode.get()]);
  }
  seen_ = durable_;
  return true;
}

// Either the changes up to some moment, or any of them on which no lost one bears: then only
// changes of the same name keep their order.
void SimulatedDisk::keep_some_names(SeededRandom& random, const std::vector<NameChange>& changes) {
  if (random.chance(1, 2)) {
    const std::uint64_t kept = random.below(changes.size() + 1);
    for (std::uint64_t i = 0; i < kept; ++i) durable_.apply(changes[i]);
    return;
  }
  std::set<std::string, std::less<>> lost;
  for (const NameChange& change : changes) {
    const bool keep = !lost.contains(change.path) &&
                      (change.to.empty() || !lost.contains(change.to)) && random.chance(1, 2);
    if (keep) {
      durable_.apply(change);
    } else {
      lost.insert(change.path);
      if (!change.to.empty()) lost.insert(change.to);
    }
  }
}

}  // namespace eventstore
