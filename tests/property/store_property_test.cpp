#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "property/operations.hpp"
#include "property/pair.hpp"
#include "support/engines.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

// A store of an engine that goes away at the end.
class EngineStore {
 public:
  explicit EngineStore(const Engine& engine) : engine_(engine) {}
  ~EngineStore() {
    if (engine_.remove) engine_.remove(engine_.url(folder_.path().string()));
  }
  EngineStore(const EngineStore&) = delete;
  EngineStore& operator=(const EngineStore&) = delete;

  std::unique_ptr<EventStore> open(int segment_size) const {
    constexpr std::array<std::uint64_t, 3> kSizes = {64 << 10, 68 << 10, 1 << 20};
    return value_of(
        eventstore::open(engine_.url(folder_.path().string()),
                         {.segment_bytes_max = kSizes.at(static_cast<std::size_t>(segment_size))}));
  }

 private:
  const Engine& engine_;
  TemporaryDirectory folder_;
};

class StoreProperty : public testing::TestWithParam<Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, StoreProperty, testing::ValuesIn(all_engines()), engine_name);

// A failure names the seed: RC_PARAMS="seed=..." runs it again.
TEST_P(StoreProperty, AgreesWithTheModelWhateverIsDone) {
  const double share = static_cast<double>(scaled(200)) / 100;
  EXPECT_TRUE(rc::check("the store agrees with the model", [&] {
    const auto plans = *rc::gen::scale(share, rc::gen::container<std::vector<Plan>>(any_plan()));
    const EngineStore store(GetParam());
    Pair pair({.open = [&](int segment_size) { return store.open(segment_size); },
               .persists = GetParam().persists});
    for (const Plan& plan : plans) pair.perform(plan);
    pair.compare_all();
  }));
}

}  // namespace
}  // namespace eventstore::test
