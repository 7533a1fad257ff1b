#include "data_sets.hpp"

#include <fmt/format.h>

#include "bulk.hpp"
#include "harness.hpp"

namespace eventstore::bench {

DataSets::DataSets(const Options& options)
    : options_(options),
      small_({.events = options.scale.small_events,
              .query_matches = options.scale.query_matches,
              .seed = options.seed}),
      large_({.events = options.scale.large_events,
              .streams = options.scale.large_events / 10,
              .query_matches = options.scale.query_matches,
              .seed = options.seed}) {}

const EventGenerator& DataSets::generator(DataSet set) const {
  return set == DataSet::Small ? small_ : large_;
}

std::filesystem::path DataSets::folder(DataSet set, const StoreKind& kind) {
  auto& path = made_[{set, kind.name}];
  if (!path.empty()) return path;
  const auto* const size = set == DataSet::Small ? "small" : "large";
  path = options_.folder / fmt::format("bench-{}-{}", size, kind.name);
  make_empty_folder(path);
  const Stopwatch watch;
  const auto store = kind.open(path);
  fill_store(*store, generator(set));
  fmt::print(stderr, "  made a store of {} events for {} in {:.1f} s\n", generator(set).events(),
             kind.name, watch.seconds());
  return path;
}

}  // namespace eventstore::bench
