#include "candidate.hpp"

#include <algorithm>
#include <array>

namespace eventstore::bench {

std::span<const StoreKind> store_kinds() {
  static constexpr auto kKinds = std::to_array<StoreKind>({
      {.name = kEngineName, .open = [](const auto& folder) { return open_engine_store(folder); }},
#ifdef EVENTSTORE_BENCH_ROCKSDB
      {.name = kRocksDbName, .open = open_rocksdb_store},
#endif
#ifdef EVENTSTORE_BENCH_LMDB
      {.name = kLmdbName, .open = open_lmdb_store},
#endif
#ifdef EVENTSTORE_BENCH_SQLITE
      {.name = kSqliteName, .open = open_sqlite_store},
#endif
  });
  return kKinds;
}

const StoreKind* find_store_kind(std::string_view name) {
  const auto kinds = store_kinds();
  const auto found = std::ranges::find(kinds, name, &StoreKind::name);
  return found == kinds.end() ? nullptr : &*found;
}

}  // namespace eventstore::bench
