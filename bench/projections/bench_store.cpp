#include "bench_store.hpp"

#include <fmt/format.h>

#include "eventstore/open.hpp"
#include "harness.hpp"

namespace eventstore::bench {

BenchStore::BenchStore(const ProjectionBenchOptions& options, Engine engine,
                       std::string_view name) {
  std::string url;
  if (engine == Engine::Embedded) {
    folder_ = options.folder / fmt::format("bench-{}", name);
    make_empty_folder(folder_);
    url = folder_.string();
    embedded_ = must(open(url), "open");
    store_ = embedded_.get();
  } else {
    in_server_ = std::make_unique<ScratchStore>(options.database, name);
    url = in_server_->url();
    store_ = &in_server_->store();
  }
  state_ = must(open_state(url), "open_state");
  subscriptions_ = std::make_unique<Subscriptions>(*store_);
  projections_ = std::make_unique<Projections>(*subscriptions_, *state_);
}

BenchStore::~BenchStore() {
  projections_.reset();
  subscriptions_.reset();
  state_.reset();
  embedded_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

void BenchStore::settle() {
  if (in_server_ != nullptr) in_server_->vacuum();
}

}  // namespace eventstore::bench
