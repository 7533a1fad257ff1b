#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log/hooked_file_system_test_support.hpp"
#include "log/scavenge_test_support.hpp"

// Readers in other processes, while the segments they read are rewritten.
namespace eventstore::log {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::read_everything;
using test::read_stream;
using test::value_of;

// A reader in another process through whose calls something is done in between.
class ReaderOfWhatIsScavenged : public ScavengeTest {
 protected:
  StoreOnSimulatedDisk::Opened open_hooked() {
    return value_of(machine_.try_open(/*read_only=*/true, &hooked_));
  }
  void expect_no_notices() {
    for (const auto& notice : machine_.notices()) ADD_FAILURE() << notice;
  }

  // The writer scavenges when a reader next lists the log's folder; true from then on.
  std::shared_ptr<const bool> scavenge_when_listed() {
    const auto done = std::make_shared<bool>(false);
    hooked_.set_hook([this, done](std::string_view call, const std::string& path) {
      if (*done || call != "list" || path != "store/log") return;
      *done = true;
      scavenge();
    });
    return done;
  }

  HookedFileSystem hooked_{machine_.files()};
};

// It looked whether all segments are there, then the writer replaces some.
TEST_F(ReaderOfWhatIsScavenged, OpensWhileSegmentsAreReplaced) {
  fill(*store_, 40);
  truncate("a", 35);
  upkeep();
  const auto done = scavenge_when_listed();
  const auto reader = machine_.try_open(/*read_only=*/true, &hooked_);
  ASSERT_TRUE(*done);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(test::versions_of(read_stream(**reader, "a")).front(), 35U);
}

// The same between the manifest and the look at the segments: no alarm.
TEST_F(ReaderOfWhatIsScavenged, RaisesNoAlarmWhereSegmentsAreReplacedWhileItOpens) {
  fill(*store_, 40);
  truncate("a", 35);
  upkeep();
  bool done = false;
  hooked_.set_hook([&](std::string_view call, const std::string& path) {
    if (done || call != "open" || !path.ends_with(".seg")) return;
    done = true;
    scavenge();
  });
  const auto reader = machine_.try_open(/*read_only=*/true, &hooked_);
  ASSERT_TRUE(done);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(test::versions_of(read_stream(**reader, "a")).front(), 35U);
  expect_no_notices();
}

// A reader that is segments behind goes over them one by one, while they are replaced.
TEST_F(ReaderOfWhatIsScavenged, CatchesUpWhileSegmentsAreReplaced) {
  fill(*store_, 4);
  const auto reader = open_hooked();
  EXPECT_EQ(read_stream(*reader, "a").size(), 4U);
  fill(*store_, 40);
  truncate("a", 35);
  upkeep();
  int opens = 0;
  hooked_.set_hook([&](std::string_view call, const std::string& path) {
    if (call != "open" || !path.ends_with(".seg") || ++opens != 3) return;
    scavenge();
  });
  const auto cursor = value_of(reader->read({.selector = SelectStream{"a"}}));
  ASSERT_GE(opens, 3);
  hooked_.set_hook({});
  std::size_t events = 0;
  for (auto batch = value_of(cursor->next()); !batch.empty(); batch = value_of(cursor->next())) {
    events += batch.size();
  }
  EXPECT_EQ(events, 10U);
  expect_no_notices();
}

// The same where it reloads: the first look is already at rewritten segments.
TEST_F(ReaderOfWhatIsScavenged, ReloadsWhileSegmentsAreReplacedAgain) {
  fill(*store_, 40);
  const auto reader = open_hooked();
  truncate("a", 20);
  upkeep();
  scavenge();
  truncate("a", 35);
  upkeep();
  const auto done = scavenge_when_listed();
  const auto info = reader->stream_info("a");
  ASSERT_TRUE(*done);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ((*info)->first_version, StreamVersion{35});
}

// What was rewritten before the reader came there is in its newest run.
TEST(ReaderOfLargeRuns, CountsWhatItFollowedIntoRewrittenSegments) {
  StoreOnSimulatedDisk machine(8192);
  const auto store = machine.open();
  append_large(*store, "c", 1);
  const auto reader = machine.open_reader();
  EXPECT_EQ(value_of(reader->stats()).events, 1U);
  append_large(*store, "c", 7);
  append_large(*store, "a", 2);
  value_of(store->delete_stream("a", ExpectedVersion::any()));
  append_large(*store, "c", 8);
  while (store->step()) {
  }
  machine.clock().advance(seconds(1));
  EXPECT_GT(value_of(store->scavenge({.id_retention = hours(24)})).events_reduced, 0U);
  EXPECT_EQ(value_of(store->stats()).events, read_everything(*store).size());
  EXPECT_EQ(value_of(reader->stats()).events, read_everything(*reader).size());
}

// A dry run of a reader, while the writer replaces what it has not looked at.
TEST_F(ReaderOfWhatIsScavenged, MakesADryRunWhileSegmentsAreReplaced) {
  fill(*store_, 40);
  truncate("a", 35);
  upkeep();
  const auto reader = machine_.open_reader();
  bool done = false;
  ScavengeOptions options{.dry_run = true, .id_retention = seconds(0)};
  options.on_progress = [&](const ScavengeProgress&) {
    if (!std::exchange(done, true)) scavenge();
  };
  const auto report = reader->scavenge(options);
  EXPECT_TRUE(report) << report.error().message;
  EXPECT_TRUE(done);
}

// A read of "b", whose events stand at every second position.
struct ReadOfB {
  const char* name;
  ReadRequest request;
  bool by_version = false;
};

std::vector<ReadOfB> reads_of_b() {
  return {{.name = "everything", .request = {}},
          {.name = "stream", .request = {.selector = SelectStream{"b"}}, .by_version = true},
          {.name = "category", .request = {.selector = SelectCategory{"b"}}},
          {.name = "query", .request = {.selector = Query::everything()}},
          {.name = "types", .request = {.types = {"Happened"}}},
          {.name = "prefix", .request = {.stream_prefix = "b"}}};
}

// Reads with a rewriting between any two batches. Returns the versions or positions of "b".
Numbers read_while_rewriting(const ReadOfB& read) {
  StoreOnSimulatedDisk machine(32768, 16);
  const auto store = machine.open();
  const auto upkeep = [&] {
    while (store->step()) {
    }
  };
  for (int round = 0; round < 300; ++round) {
    append_large(*store, "a", 1);
    append_large(*store, "b", 1);
  }
  upkeep();
  const auto reader = machine.open_reader();
  const auto cursor = value_of(reader->read(read.request));
  Numbers seen;
  std::uint64_t before = 2;
  std::uint64_t rewritten = 0;
  for (auto batch = value_of(cursor->next()); !batch.empty(); batch = value_of(cursor->next())) {
    for (const auto& view : batch) {
      if (view.stream != "b") continue;
      seen.push_back(read.by_version ? view.version.value : view.position.value);
    }
    before = std::min<std::uint64_t>(before + 61, 300);
    value_of(store->truncate_stream("a", {before}, ExpectedVersion::any()));
    machine.clock().advance(seconds(1));
    rewritten += value_of(store->scavenge(kForgetIds)).segments_rewritten;
    upkeep();
  }
  EXPECT_GT(rewritten, 0U);
  EXPECT_TRUE(value_of(reader->verify()).findings.empty());
  return seen;
}

// Cursors of another process of every kind, in both directions, with bounds and without.
TEST(ReaderOfLargeRuns, ReadsEachEventOnceWhateverIsRewrittenBetweenBatches) {
  for (auto read : reads_of_b()) {
    for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
      for (const bool bounded : {false, true}) {
        const std::uint64_t first = bounded ? 7 : 1;
        const std::uint64_t end = read.by_version ? 300 : 600;
        const std::uint64_t last = bounded ? end - 5 : end;
        const bool forwards = direction == Direction::Forwards;
        read.request.direction = direction;
        read.request.from = bounded ? std::optional(forwards ? first : last) : std::nullopt;
        read.request.to = bounded ? std::optional(forwards ? last : first) : std::nullopt;
        Numbers expected;
        for (auto at = first; at <= last; ++at) {
          if (read.by_version || at % 2 == 0) expected.push_back(at);
        }
        if (!forwards) std::ranges::reverse(expected);
        EXPECT_EQ(read_while_rewriting(read), expected) << read.name << bounded << forwards;
      }
    }
  }
}

}  // namespace
}  // namespace eventstore::log
