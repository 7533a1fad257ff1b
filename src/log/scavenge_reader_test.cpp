#include <algorithm>
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

  HookedFileSystem hooked_{machine_.files()};
};

// It looked whether all segments are there, then the writer replaces some.
TEST_F(ReaderOfWhatIsScavenged, OpensWhileSegmentsAreReplaced) {
  fill(*store_, 40);
  truncate("a", 35);
  upkeep();
  bool done = false;
  hooked_.set_hook([&](std::string_view call, const std::string& path) {
    if (done || call != "list" || path != "store/log") return;
    done = true;
    scavenge();
  });
  const auto reader = machine_.try_open(/*read_only=*/true, &hooked_);
  ASSERT_TRUE(done);
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
  bool done = false;
  hooked_.set_hook([&](std::string_view call, const std::string& path) {
    if (done || call != "list" || path != "store/log") return;
    done = true;
    scavenge();
  });
  const auto info = reader->stream_info("a");
  ASSERT_TRUE(done);
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
}

// Cursors of another process of every kind, with a rewriting between any two batches.
TEST_F(ReaderOfWhatIsScavenged, ReadsEachEventOnceWhateverIsRewrittenBetweenBatches) {
  for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
    for (int kind = 0; kind < 6; ++kind) {
      for (const bool bounded : {false, true}) {
        StoreOnSimulatedDisk machine(32768, 16);
        const auto store = machine.open();
        fill(*store, 300);
        while (store->step()) {
        }
        const auto reader = machine.open_reader();
        ReadRequest request;
        request.direction = direction;
        std::uint64_t first = 1;
        std::uint64_t last = kind == 1 ? 300 : 600;
        switch (kind) {
          case 0:
            break;
          case 1:
            request.selector = SelectStream{"b"};
            break;
          case 2:
            request.selector = SelectCategory{"b"};
            break;
          case 3:
            request.selector = Query::everything();
            break;
          case 4:
            request.types = {"Happened"};
            break;
          default:
            request.stream_prefix = "b";
            break;
        }
        if (bounded) {
          first = 7;
          last -= 5;
          request.from = direction == Direction::Forwards ? first : last;
          request.to = direction == Direction::Forwards ? last : first;
        }
        Numbers expected;
        for (auto at = first; at <= last; ++at) {
          if (kind == 1 || at % 2 == 0) expected.push_back(at);
        }
        if (direction == Direction::Backwards) std::ranges::reverse(expected);
        const auto cursor = value_of(reader->read(request));
        Numbers seen;
        std::uint64_t before = 2;
        for (;;) {
          const auto batch = cursor->next();
          ASSERT_TRUE(batch) << batch.error().message;
          if (batch->empty()) break;
          for (const auto& view : *batch) {
            if (view.stream != "b") continue;
            seen.push_back(kind == 1 ? view.version.value : view.position.value);
          }
          before = std::min<std::uint64_t>(before + 61, 300);
          value_of(store->truncate_stream("a", {before}, ExpectedVersion::any()));
          machine.clock().advance(seconds(1));
          value_of(store->scavenge(kForgetIds));
          while (store->step()) {
          }
        }
        EXPECT_EQ(seen, expected) << kind << bounded;
        EXPECT_TRUE(value_of(reader->verify()).findings.empty());
      }
    }
  }
}

}  // namespace
}  // namespace eventstore::log
