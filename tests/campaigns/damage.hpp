#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/seeded_random.hpp"
#include "core/simulated_disk.hpp"
#include "eventstore/position.hpp"

// Damage of stored bytes, and what of a store it takes away.
namespace eventstore::test {

// What faults need besides the store itself.
struct DamageSources {
  const SimulatedDisk& older;    // the same store, earlier
  const SimulatedDisk& foreign;  // a store with other ids and contents, but of the same shape
};

// Puts one fault into one file of the store. Returns what it did: a phrase. Empty: nothing came of
// it, for instance because there is no such file.
std::string inflict_damage(SimulatedDisk& disk, const DamageSources& sources, SeededRandom& random);

struct FrameExtent {
  std::uint64_t begin = 0;  // bytes from the start of the file
  std::uint64_t end = 0;
  GlobalPosition first_position;
  GlobalPosition next_position;
};

// What became of a store by damage: found by comparing its files with those before.
class DamageMap {
 public:
  DamageMap(const SimulatedDisk& before, const SimulatedDisk& after);

  bool is_damaged(const std::string& path) const;
  const std::vector<std::string>& damaged_files() const { return damaged_; }
  // Segments whose damage is in what they hold: not in the room behind their last frame.
  const std::vector<std::string>& damaged_segments() const { return damaged_segments_; }
  bool last_segment_is_damaged() const { return last_segment_is_damaged_; }

  // Whether a byte of the event's frame, or of its segment's header, is not what it was.
  bool touches(GlobalPosition position) const;
  bool touches_any() const;
  // Whether a finding in `path`, at `offset` or of these positions, is about damage that is there.
  bool explains(const std::string& path, std::uint64_t offset, GlobalPosition first,
                GlobalPosition last) const;

 private:
  void compare_segment(const std::string& path, const std::vector<std::byte>& before,
                       const std::vector<std::byte>& after);

  std::vector<std::string> damaged_;
  std::vector<std::string> damaged_segments_;
  bool last_segment_is_damaged_ = false;
  std::vector<bool> touched_;  // by position
  struct Extent {
    std::string path;
    FrameExtent frame;
  };
  std::vector<Extent> extents_;  // of frames and headers that are touched
};

// The frames of a segment that is whole.
std::vector<FrameExtent> frames_of(const std::vector<std::byte>& segment);

}  // namespace eventstore::test
