#include "open_stores.hpp"

#include <random>

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

std::vector<std::uint64_t> pick_numbers(std::uint64_t seed, std::size_t count,
                                        std::uint64_t below) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> picked(count);
  for (auto& number : picked) number = random() % below;
  return picked;
}

}  // namespace eventstore::bench
