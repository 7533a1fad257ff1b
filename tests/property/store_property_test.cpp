#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "property/operations.hpp"
#include "support/engines.hpp"
#include "support/model.hpp"
#include "support/test_scale.hpp"

namespace eventstore::test {
namespace {

// A store and the model beside it: whatever is done to both must look the same.
class Pair {
 public:
  explicit Pair(const Engine& engine) : engine_(engine) { open_store(0); }

  void operator()(const AppendPlan& plan) {
    sent_.push_back(request_of(plan, model_));
    send(sent_.back());
  }

  void operator()(const RetryPlan& plan) {
    if (sent_.empty()) return;
    AppendRequest request = sent_[static_cast<std::size_t>(plan.which) % sent_.size()];
    const auto left_out = static_cast<std::size_t>(plan.events_left_out);
    if (left_out < request.events.size()) request.events.resize(request.events.size() - left_out);
    if (plan.other_checks) {
      request.checks = {{.stream = "a-1", .expected = ExpectedVersion::no_stream()}};
      request.condition = AppendCondition{Query::everything(), {0}};
    }
    send(request);
  }

  void operator()(const ReadPlan& plan) { compare_read(request_of(plan, model_)); }

  void operator()(const ReopenPlan& plan) {
    if (engine_.persists) open_store(plan.segment_size);
  }

  // Everything that can be asked, at the end.
  void compare_all() {
    compare_read({.include_system = true});
    compare_read({.direction = Direction::Backwards, .include_system = true});
    const ListStreamsRequest list{.include_system = true};
    const auto streams = value_of(store_->list_streams(list));
    RC_ASSERT(streams == model_.list_streams(list));
    for (const StreamInfo& stream : streams) {
      RC_ASSERT(value_of(store_->stream_info(stream.stream)) == model_.stream_info(stream.stream));
      compare_read({.selector = SelectStream{stream.stream}});
    }
    compare_ids();
    const auto stats = value_of(store_->stats());
    RC_ASSERT(stats.events == model_.events().size());
    RC_ASSERT(stats.streams == model_.stream_count());
    RC_ASSERT(stats.head == model_.head());
    RC_ASSERT(value_of(store_->verify()).findings.empty());
  }

 private:
  void open_store(int segment_size) {
    constexpr std::array<std::uint64_t, 3> kSizes = {64 << 10, 68 << 10, 1 << 20};
    store_.reset();
    store_ =
        value_of(open(engine_.url(folder_.path().string()),
                      {.segment_bytes_max = kSizes.at(static_cast<std::size_t>(segment_size))}));
  }

  void send(const AppendRequest& request) {
    const auto expected = model_.apply(request);
    agree(difference(expected, store_->append(request)));
    agree_on_head();
    if (!expected || expected->repeated || request.events.empty()) return;
    const auto actual = read_events(*store_, {.from = expected->first_position.value,
                                              .to = expected->last_position.value,
                                              .include_system = true});
    const auto& events = model_.events();
    const auto first = static_cast<std::ptrdiff_t>(expected->first_position.value) - 1;
    agree(difference(std::vector(events.begin() + first, events.end()), actual));
    model_.learn(actual);
  }

  void compare_read(ReadRequest request) {
    const auto expected = model_.read(request);
    const auto actual = try_read(*store_, std::move(request));
    RC_ASSERT(expected.has_value() == actual.has_value());
    if (!expected) {
      RC_ASSERT(expected.error().code == actual.error().code);
      return;
    }
    agree(difference(*expected, actual->events));
    RC_ASSERT(actual->head == model_.head());
  }

  void compare_ids() {
    for (const RecordedEvent& event : model_.events()) {
      const std::array<Uuid, 2> ids = {event.id, id_of(1'000'000)};
      const auto found = value_of(store_->find(event.stream, ids));
      RC_ASSERT(found.size() == 2U);
      RC_ASSERT(found[0] == model_.find(event.stream, event.id));
      RC_ASSERT(found[1] == std::nullopt);
    }
  }

  void agree_on_head() { RC_ASSERT(value_of(store_->head()) == model_.head()); }

  static void agree(const std::optional<std::string>& difference) {
    if (difference) RC_FAIL(*difference);
  }

  const Engine& engine_;
  TemporaryDirectory folder_;
  std::unique_ptr<EventStore> store_;
  Model model_;
  std::vector<AppendRequest> sent_;
};

class StoreProperty : public testing::TestWithParam<Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, StoreProperty, testing::ValuesIn(all_engines()), engine_name);

// A failure names the seed: RC_PARAMS="seed=..." runs it again.
TEST_P(StoreProperty, AgreesWithTheModelWhateverIsDone) {
  const double share = static_cast<double>(scaled(200)) / 100;
  EXPECT_TRUE(rc::check("the store agrees with the model", [&] {
    const auto operations =
        *rc::gen::scale(share, rc::gen::container<std::vector<Operation>>(any_operation()));
    Pair pair(GetParam());
    for (const Operation& operation : operations) std::visit(std::ref(pair), operation);
    pair.compare_all();
  }));
}

}  // namespace
}  // namespace eventstore::test
