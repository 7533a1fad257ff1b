#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/log_store_test_support.hpp"

// What the tests of scavenging share.
namespace eventstore::log {

using Numbers = std::vector<std::uint64_t>;

inline const ScavengeOptions kForgetIds{.id_retention = std::chrono::seconds(0)};

// Streams "a" and "b" take turns, an event of about 1 KiB each, over several small segments.
class ScavengeTest : public testing::Test {
 protected:
  void fill(EventStore& store, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      append_large(store, "a", 1);
      append_large(store, "b", 1);
    }
  }
  void upkeep() {
    while (store_->step()) {
    }
  }
  void truncate(std::string_view stream, std::uint64_t before) {
    test::value_of(store_->truncate_stream(stream, {before}, ExpectedVersion::any()));
  }
  ScavengeReport scavenge(ScavengeOptions options = kForgetIds) {
    machine_.clock().advance(
        std::chrono::seconds(1));  // so that what is there is older than no time at all
    return test::value_of(store_->scavenge(options));
  }
  void reopen() {
    store_ = nullptr;
    store_ = machine_.open();
  }
  // Every way to read, before and after.
  std::vector<std::string> reads() {
    std::vector<std::string> lines;
    for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
      for (const Selector& selector :
           {Selector{SelectAll{}}, Selector{SelectStream{"a"}}, Selector{SelectStream{"b"}},
            Selector{SelectCategory{"a"}}, Selector{Query::everything()}}) {
        lines.push_back(test::read_lines(
            *store_, {.selector = selector, .direction = direction, .include_system = true}));
      }
    }
    return lines;
  }
  std::vector<std::string> segment_files() const {
    std::vector<std::string> found;
    for (const auto& path : machine_.disk().files()) {
      if (path.ends_with(".seg")) found.push_back(path);
    }
    return found;
  }
  std::uint64_t stored_bytes() {
    std::uint64_t bytes = 0;
    for (const auto& path : segment_files()) bytes += machine_.disk().contents(path).size();
    return bytes;
  }
  void expect_whole() {
    const auto report = test::value_of(store_->verify());
    for (const auto& finding : report.findings) ADD_FAILURE() << finding.message;
  }

  mutable StoreOnSimulatedDisk machine_{8192, /*run_events_max=*/4};
  StoreOnSimulatedDisk::Opened store_ = machine_.open();
};

}  // namespace eventstore::log
