#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "candidate.hpp"
#include "generated_events.hpp"
#include "options.hpp"

namespace eventstore::bench {

// Which events the workloads that read share.
enum class DataSet : std::uint8_t {
  Small,  // streams of 100 events
  Large,  // ten times as many events, in streams of 10
};

// Stores full of events, each made when it is first asked for and kept until the end of the run.
//
// Threads: one at a time.
class DataSets {
 public:
  explicit DataSets(const Options& options);

  const EventGenerator& generator(DataSet set) const;

  // The folder of a candidate's store. Nobody has it open.
  std::filesystem::path folder(DataSet set, const StoreKind& kind);

 private:
  const Options& options_;
  EventGenerator small_;
  EventGenerator large_;
  std::map<std::pair<DataSet, std::string_view>, std::filesystem::path> made_;
};

}  // namespace eventstore::bench
