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
  ~Pair() {
    store_.reset();
    if (engine_.remove) engine_.remove(engine_.url(folder_.path().string()));
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

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

  void operator()(const DeletionPlan& plan) {
    const auto stream = stream_of(plan.check);
    const auto expected = expected_of(plan.check, model_);
    const auto next = model_.version_of(stream).value + 1;
    const auto amount = static_cast<std::uint64_t>(plan.amount);  // -1: beyond all there is
    switch (plan.way) {
      case 0:
        return changed(model_.truncate_stream(stream, {next - amount}, expected),
                       store_->truncate_stream(stream, {next - amount}, expected));
      case 1: {
        Retention retention;
        if (plan.amount > 0) retention.max_count = amount;
        if (plan.with_age) retention.max_age = std::chrono::hours(1000 * plan.amount + 2000);
        return changed(model_.set_retention(stream, retention, expected),
                       store_->set_retention(stream, retention, expected));
      }
      case 2:
        return changed(model_.delete_stream(stream, expected),
                       store_->delete_stream(stream, expected));
      case 3:
        return changed(model_.tombstone_stream(stream, expected),
                       store_->tombstone_stream(stream, expected));
      default: {
        const std::string json = plan.with_age ? R"({"a":1})" : "{}";
        const auto any = ExpectedVersion::any();
        const auto model = model_.set_stream_metadata(stream, json, any);
        const auto actual = store_->set_stream_metadata(stream, json, any);
        agree_on_error(model, actual);
        if (model) RC_ASSERT(*model == *actual);
        learn_what_is_new();
      }
    }
  }

  void operator()(const ReopenPlan& plan) {
    if (engine_.persists) open_store(plan.segment_size);
  }

  // Everything that can be asked, at the end.
  void compare_all() {
    compare_read({.include_system = true});
    compare_read({.direction = Direction::Backwards, .include_system = true});
    const ListStreamsRequest list{.include_system = true, .include_deleted = true};
    const auto streams = value_of(store_->list_streams(list));
    RC_ASSERT(streams == model_.list_streams(list));
    RC_ASSERT(value_of(store_->list_streams({.limit = 2})) == model_.list_streams({.limit = 2}));
    for (const StreamInfo& stream : streams) {
      RC_ASSERT(value_of(store_->stream_info(stream.stream)) == model_.stream_info(stream.stream));
      compare_read({.selector = SelectStream{stream.stream}});
      compare_read({.selector = SelectStream{stream.stream}, .direction = Direction::Backwards});
    }
    compare_ids();
    const auto stats = value_of(store_->stats());
    RC_ASSERT(stats.events == model_.visible().size());
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
    learn_what_is_new();
  }

  template <typename T>
  void agree_on_error(const Result<T>& model, const Result<T>& actual) {
    if (!actual && model) RC_FAIL(actual.error().message);
    RC_ASSERT(model.has_value() == actual.has_value());
    if (!model) RC_ASSERT(model.error().code == actual.error().code);
  }

  void changed(const Result<StreamChange>& model, const Result<StreamChange>& actual) {
    agree_on_error(model, actual);
    if (model) {
      RC_ASSERT(model->version == actual->version);
      RC_ASSERT(model->position == actual->position);
      RC_ASSERT(model->changed == actual->changed);
    }
    learn_what_is_new();
  }

  // Compares what was appended since it was last called.
  void learn_what_is_new() {
    agree_on_head();
    const ReadRequest request{.from = learned_ + 1, .include_system = true};
    const auto actual = read_events(*store_, request);
    agree(difference(value_of(model_.read(request)), actual));
    model_.learn(actual);
    learned_ = model_.head().value;
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
      if (event.id.is_nil()) continue;  // made by the store, and deleted at once
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
  std::uint64_t learned_ = 0;
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
