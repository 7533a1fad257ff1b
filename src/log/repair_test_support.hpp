#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/frame_scan.hpp"
#include "log/log_store_test_support.hpp"
#include "log/repair.hpp"

namespace eventstore::log {

// A store with a copy of it beside it, "copy".
class Repaired {
 public:
  Repaired() = default;

  void append(int count) {
    const auto store = machine_.open();
    append_large(*store, "s", count);
    while (store->step()) {
    }
    expected_ = test::read_everything(*store);
  }
  void copy() { copy_folder("store", "copy"); }
  void copy_folder(const std::string& from, const std::string& to) {
    for (const auto& path : disk().files()) {
      if (path.starts_with(from + "/")) {
        disk().put(to + path.substr(from.size()), disk().contents(path));
      }
    }
  }

  Result<RepairReport> repair(bool dry_run = false) {
    const auto source = open_folder_source(machine_.files(), "copy");
    if (!source) return std::unexpected(source.error());
    return repair_log(machine_.environment(), "store", **source, {.dry_run = dry_run});
  }
  // Repairs all of it, and shows that everything is there again.
  RepairReport must_repair() {
    auto report = test::value_of(repair());
    for (const auto& finding : report.remaining) ADD_FAILURE() << finding.message;
    must_be_sound();
    return report;
  }
  void must_be_sound() {
    EXPECT_EQ(test::read_everything(*machine_.open_reader()), expected_);
    const auto store = machine_.open();
    EXPECT_EQ(test::read_everything(*store), expected_);
    for (const auto& finding : test::value_of(store->verify()).findings) {
      ADD_FAILURE() << finding.message;
    }
  }
  // Damages the frame of the event at `position` of the segment.
  void damage_event(const std::string& folder, std::uint64_t number, std::uint64_t ordinal) {
    const auto path = segment_path(folder, number);
    const auto bytes = disk().contents(path);
    const auto header = test::value_of(decode_segment_header(bytes, path));
    FrameScan scan(bytes, header.seed(), ScanState::at_start_of(header));
    for (std::uint64_t seen = 0; seen < ordinal;) {
      ASSERT_TRUE(scan.next().value_or(false));
      seen += scan.frame().event_count;
    }
    disk().flip_bit(path, scan.state().last_frame_offset + kFrameHeaderBytes + 100, 3);
  }

  // The first and the third frame change places, and the second one is damaged.
  void shuffle_frames(const std::string& path) {
    const auto bytes = disk().contents(path);
    const auto header = test::value_of(decode_segment_header(bytes, path));
    FrameScan scan(bytes, header.seed(), ScanState::at_start_of(header));
    ASSERT_TRUE(scan.next().value_or(false));
    const auto size = scan.frame().frame_bytes();
    const auto third = kSegmentHeaderBytes + 2 * size;
    disk().overwrite(path, kSegmentHeaderBytes, std::span(bytes).subspan(third, size));
    disk().overwrite(path, third, std::span(bytes).subspan(kSegmentHeaderBytes, size));
    disk().flip_bit(path, kSegmentHeaderBytes + size + 500, 0);
  }

  StoreOnSimulatedDisk& machine() { return machine_; }
  SimulatedDisk& disk() { return machine_.disk(); }
  std::vector<RecordedEvent>& expected() { return expected_; }

 private:
  // Three events a segment, five a run of the index.
  StoreOnSimulatedDisk machine_{8192, /*run_events_max=*/5};
  std::vector<RecordedEvent> expected_;
};

}  // namespace eventstore::log
