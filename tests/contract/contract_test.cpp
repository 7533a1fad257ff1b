#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

// What a store says of itself. The other rules of the contract have files of their own beside this.
namespace eventstore::test {
namespace {

class Store : public EngineTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Store, testing::ValuesIn(all_engines()), engine_name);

TEST_P(Store, IsEmptyWhenItIsNew) {
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
  EXPECT_TRUE(read_everything(store()).empty());
  EXPECT_TRUE(value_of(store().list_streams({.include_system = true})).empty());
  const auto stats = value_of(store().stats());
  EXPECT_EQ(stats.events, 0u);
  EXPECT_EQ(stats.streams, 0u);
}

TEST_P(Store, TellsWhatItsEngineCanDo) {
  const auto capabilities = store().capabilities();
  EXPECT_EQ(capabilities.engine, GetParam().name);
  EXPECT_EQ(capabilities.durability, GetParam().durability);
  EXPECT_TRUE(capabilities.dense_positions);
  EXPECT_EQ(capabilities.zero_copy, GetParam().zero_copy);
  EXPECT_EQ(capabilities.many_writing_processes, GetParam().many_writers);
}

TEST_P(Store, CountsItsEventsAndStreamsItsOwnIncluded) {
  reopen({.segment_bytes_max = 64 << 10});
  std::uint64_t bytes = 0;
  for (std::size_t index = 0; index < 300; ++index) {
    NewEvent event = event_of("s-" + std::to_string(index % 10));
    event.data = '"' + std::string(1000, 'x') + '"';
    bytes += event.data.size();
    value_of(store().append({.events = {event}}));
  }
  value_of(store().set_stream_metadata("s-1", "{}", ExpectedVersion::any()));
  const auto stats = value_of(store().stats());
  EXPECT_EQ(stats.events, 301u);
  EXPECT_EQ(stats.streams, 11u);
  EXPECT_EQ(stats.head, GlobalPosition{301});
  EXPECT_GE(stats.bytes, bytes);
  if (GetParam().has_segments) {
    EXPECT_GE(stats.segments, bytes / (64 << 10));
  }
}

TEST_P(Store, VerifiesEverythingItHas) {
  reopen({.segment_bytes_max = 64 << 10});
  for (std::size_t index = 0; index < 200; ++index) {
    NewEvent event = event_of("s");
    event.data = '"' + std::string(1000, 'x') + '"';
    value_of(store().append({.events = {event, event_of("t")}}));
  }
  const auto report = value_of(store().verify());
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().message;
  EXPECT_EQ(report.events, 400u);
  EXPECT_EQ(report.segments, value_of(store().stats()).segments);
  EXPECT_GT(report.bytes, 200u * 1000u);
}

TEST_P(Store, IsNotOpenedWithOptionsOutOfBounds) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{65537},
                                    (std::uint64_t{1} << 30) + 4096, UINT64_MAX}) {
    EXPECT_EQ(code_of(open(url(), {.segment_bytes_max = bytes})), ErrorCode::InvalidArgument)
        << bytes;
  }
}

TEST(Open, RefusesUrlsItDoesNotKnow) {
  for (const char* url : {"", "file:", "gopher://x", "memory:name"}) {
    EXPECT_EQ(code_of(open(url)), ErrorCode::InvalidArgument) << url;
  }
}

TEST(Open, MakesEachMemoryStoreAnew) {
  const auto one = value_of(open("memory:"));
  const auto other = value_of(open("memory:"));
  value_of(one->append(append_to("s")));
  EXPECT_EQ(value_of(other->head()), GlobalPosition{0});
}

TEST(Open, TakesABarePath) {
  const TemporaryDirectory folder;
  const auto path = (folder.path() / "store").string();
  value_of(value_of(open(path))->append(append_to("s")));
  EXPECT_EQ(value_of(value_of(open("file:" + path))->head()), GlobalPosition{1});
}

}  // namespace
}  // namespace eventstore::test
