#include "open_stores.hpp"

namespace eventstore::bench {

std::vector<OpenStore> open_stores(DataSets& data_sets, DataSet set, const Options& options) {
  const auto kinds = options.stores();
  std::vector<OpenStore> stores;
  stores.reserve(kinds.size());
  for (const auto& kind : kinds) {
    stores.push_back(
        {.name = std::string(kind.name), .store = kind.open(data_sets.folder(set, kind))});
  }
  return stores;
}

}  // namespace eventstore::bench
