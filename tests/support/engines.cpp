#include "support/engines.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "support/postgres_stores.hpp"

namespace eventstore::test {
namespace {

template <typename Predicate>
std::vector<Engine> engines_that(Predicate predicate) {
  std::vector<Engine> found;
  std::ranges::copy_if(all_engines(), std::back_inserter(found), predicate);
  return found;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Engine& engine) {
  return out << engine.name;
}

std::vector<Engine> all_engines() {
  return {
      {.name = "memory",
       .url = [](const std::string&) { return "memory:"; },
       .durability = Durability::None},
      {.name = "file",
       .url = [](const std::string& folder) { return "file:" + folder + "/store"; },
       .persists = true,
       .shares = true},
      {.name = "postgresql",
       .url = postgres_store_url,
       .persists = true,
       .shares = true,
       .zero_copy = false,
       .many_writers = true,
       .has_segments = false,
       .remove = remove_postgres_store},
  };
}

std::vector<Engine> persistent_engines() {
  return engines_that([](const Engine& engine) { return engine.persists; });
}

std::vector<Engine> shared_engines() {
  return engines_that([](const Engine& engine) { return engine.shares; });
}

std::vector<Engine> locking_engines() {
  return engines_that([](const Engine& engine) { return engine.shares && !engine.many_writers; });
}

std::string engine_name(const testing::TestParamInfo<Engine>& info) {
  return info.param.name;
}

EngineTest::~EngineTest() {
  close();
  if (GetParam().remove) GetParam().remove(url());
}

EventStore& EngineTest::store() {
  return store_ ? *store_ : reopen();
}

EventStore& EngineTest::reopen(const OpenOptions& options) {
  close();
  store_ = value_of(open(url(), options));
  return *store_;
}

Result<std::unique_ptr<EventStore>> EngineTest::open_reader() {
  return open(url(), {.read_only = true});
}

}  // namespace eventstore::test
