#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/posix_environment.hpp"
#include "core/seeded_random.hpp"
#include "core/simulated_clock.hpp"
#include "core/simulated_file_system.hpp"
#include "log/log_store.hpp"
#include "support/store_access.hpp"

// A store on a simulated machine, without threads, for tests that look into its files.
namespace eventstore::log {

class StoreOnSimulatedDisk {
 public:
  using Opened = std::unique_ptr<LogStore>;

  explicit StoreOnSimulatedDisk(std::uint64_t segment_bytes_max = 8192,
                                std::uint64_t run_events_max = 1 << 16)
      : run_events_max_(run_events_max) {
    options_.segment_bytes_max = segment_bytes_max;
    options_.on_notice = [this](const Notice& notice) { notices_.push_back(notice.message); };
  }

  Result<Opened> try_open(bool read_only = false, FileSystem* files = nullptr) {
    auto options = options_;
    options.read_only = read_only;
    return LogStore::open(environment(files), "store", options,
                          {.prewrite_bytes = 1024,
                           .run_events_max = run_events_max_,
                           .merge_width = 4,
                           .threads = false},
                          "simulated", nullptr);
  }
  Opened open() { return test::value_of(try_open()); }
  Opened open_reader() { return test::value_of(try_open(/*read_only=*/true)); }

  // `files`: to go through instead, to the same files.
  Environment environment(FileSystem* files = nullptr) {
    return {.files = files != nullptr ? files : &files_, .clock = &clock_, .random = &random_};
  }
  SimulatedFileSystem& files() { return files_; }
  SimulatedClock& clock() { return clock_; }
  SimulatedDisk& disk() { return files_.disk(); }
  const std::vector<std::string>& notices() const { return notices_; }

 private:
  SimulatedFileSystem files_{1};
  SimulatedClock clock_;
  SeededRandom random_{2};
  const std::uint64_t run_events_max_;
  OpenOptions options_;
  std::vector<std::string> notices_;
};

// Loses all posting files of a store.
inline void remove_posting_files(SimulatedDisk& disk) {
  for (const auto& path : disk.files()) {
    if (path.ends_with(".post")) disk.remove(path);
  }
}

// Appends `count` events of about 1 KiB to `stream`, each by itself.
inline void append_large(EventStore& store, const std::string& stream, int count) {
  for (int i = 0; i < count; ++i) {
    auto event = test::event_of(stream);
    event.data = '"' + std::string(1000, 'x') + '"';
    AppendRequest request;
    request.events.push_back(std::move(event));
    test::value_of(store.append(std::move(request)));
  }
}

}  // namespace eventstore::log
