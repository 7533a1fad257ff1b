#pragma once

#include <memory>
#include <string>
#include <vector>

#include "candidate.hpp"
#include "data_sets.hpp"

namespace eventstore::bench {

// A store that is open to be read by a workload.
struct OpenStore {
  std::string name;
  std::unique_ptr<Store> store;
};

// Opens the data set's store of every candidate that takes part.
std::vector<OpenStore> open_stores(DataSets& data_sets, DataSet set, const Options& options);

}  // namespace eventstore::bench
