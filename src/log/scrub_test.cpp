#include "log/scrub.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/log_store_test_support.hpp"
#include "log/run_files.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::log {
namespace {

using test::value_of;

constexpr std::uint64_t kMuch = std::numeric_limits<std::uint64_t>::max();

// Three events a segment; all has its digests and posting files.
void fill(LogStore& store, int events) {
  append_large(store, "s", events);
  while (store.step()) {
  }
}

// To the end of the pass. Returns the bytes that were read.
std::uint64_t scrub_all(LogStore& store) {
  const auto before = store.health().scrub.bytes;
  while (store.scrub_step(kMuch) > 0) {
  }
  return store.health().scrub.bytes - before;
}

TEST(Scrub, ChecksEverySegmentTheActiveOneToo) {
  StoreOnSimulatedDisk machine;
  const auto store = machine.open();
  fill(*store, 10);
  EXPECT_FALSE(store->health().scrub.started_at);
  std::uint64_t bytes = 0;
  for (std::uint64_t number = 1; number <= 4; ++number) {
    const auto& segment = machine.disk().contents(segment_path("store", number));
    bytes += segment.size() - kSegmentHeaderBytes;
  }
  const auto read = scrub_all(*store);
  EXPECT_LE(read, bytes);
  EXPECT_GT(read, 10U * 1000);
  const auto status = store->health().scrub;
  EXPECT_TRUE(status.runs);
  EXPECT_TRUE(status.completed_at);
  EXPECT_EQ(status.finding_count, 0U);
}

TEST(Scrub, ReportsDamageOnceWhereverItIs) {
  for (std::uint64_t number = 1; number <= 4; ++number) {
    StoreOnSimulatedDisk machine(8192, /*run_events_max=*/3);
    auto store = machine.open();
    fill(*store, 10);
    // A mapping that was made before does not show what becomes of the disk.
    if (number < 4) store.reset();
    if (store == nullptr) store = machine.open();
    const auto path = segment_path("store", number);
    machine.disk().flip_bit(path, kSegmentHeaderBytes + 500, 0);
    scrub_all(*store);
    const auto status = store->health().scrub;
    EXPECT_GE(status.finding_count, 1U);
    ASSERT_GE(status.findings.size(), 1U) << number;
    EXPECT_EQ(status.findings.front().where.file, path);
    EXPECT_EQ(status.findings.front().where.first_position, GlobalPosition{3 * number - 2});
    EXPECT_EQ(machine.notices().size(), status.findings.size());

    machine.clock().advance(std::chrono::weeks{1});
    EXPECT_GT(store->scrub_step(1), 0U);
    scrub_all(*store);
    EXPECT_EQ(machine.notices().size(), status.findings.size());
    EXPECT_GE(store->health().scrub.finding_count, 1U);
  }
}

std::string last_posting_file(const SimulatedDisk& disk) {
  auto paths = disk.files();
  std::erase_if(paths, [](const auto& path) { return !path.ends_with(kPostingFileEnding); });
  return paths.back();
}

TEST(Scrub, ChecksDigestsHeadersAndPostingFiles) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/4);
  auto store = machine.open();
  fill(*store, 10);
  store.reset();
  const auto posting_file = last_posting_file(machine.disk());
  machine.disk().flip_bit(posting_file, 300, 0);
  store = machine.open();
  machine.disk().flip_bit(segment_path("store", 1), 2000, 0);
  scrub_all(*store);
  std::vector<std::string> files;
  for (const auto& finding : store->health().scrub.findings) files.push_back(finding.where.file);
  std::ranges::sort(files);
  files.erase(std::ranges::unique(files).begin(), files.end());
  EXPECT_EQ(files, (std::vector{segment_path("store", 1), posting_file}));
}

TEST(Scrub, HasADamagedPostingFileMadeAgain) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/4);
  auto store = machine.open();
  fill(*store, 10);
  store.reset();
  const auto posting_file = last_posting_file(machine.disk());
  const auto whole = machine.disk().contents(posting_file);
  machine.disk().flip_bit(posting_file, 300, 0);
  store = machine.open();
  scrub_all(*store);
  EXPECT_EQ(store->health().scrub.finding_count, 1U);
  EXPECT_EQ(machine.notices().size(), 1U);
  EXPECT_FALSE(machine.disk().exists(posting_file));
  store.reset();
  store = machine.open();
  while (store->step()) {
  }
  EXPECT_EQ(machine.disk().contents(posting_file), whole);
  EXPECT_TRUE(value_of(store->verify()).findings.empty());
}

TEST(Scrub, GoesOnWhereItStopped) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  fill(*store, 10);
  int openings = 0;
  int steps = 0;
  while (!store->health().scrub.completed_at) {
    ASSERT_LT(++steps, 100);
    ASSERT_GT(store->scrub_step(1), 0U);
    if (steps % 5 != 0) continue;
    store.reset();
    store = machine.open();
    ++openings;
  }
  EXPECT_GE(openings, 2);
  EXPECT_LT(steps, 2 * 10);  // a segment that was not done is begun anew
}

TEST(Scrub, BeginsAPassOnceInAPeriod) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  fill(*store, 4);
  EXPECT_GT(scrub_all(*store), 0U);
  EXPECT_EQ(store->scrub_step(kMuch), 0U);
  machine.clock().advance(std::chrono::days{6});
  store.reset();
  store = machine.open();
  EXPECT_EQ(store->scrub_step(kMuch), 0U);
  machine.clock().advance(std::chrono::days{1});
  EXPECT_GT(store->scrub_step(kMuch), 0U);
}

TEST(Scrub, IsNotPutOffByAClockThatGoesBack) {
  StoreOnSimulatedDisk machine;
  const auto store = machine.open();
  fill(*store, 4);
  scrub_all(*store);
  machine.clock().set_wall(Timestamp{});
  EXPECT_GT(store->scrub_step(kMuch), 0U);
}

// Nothing depends on the record of how far it came.
TEST(Scrub, BeginsAnewWithoutItsRecord) {
  for (const std::string record :
       {"", "event-store scrub 1\n[]", "event-store scrub 1\n{\"next_segment\":-1}",
        "event-store scrub 1\n{\"next_segment\":999}", "x"}) {
    StoreOnSimulatedDisk machine;
    auto store = machine.open();
    fill(*store, 4);
    scrub_all(*store);
    store.reset();
    machine.disk().put(scrub_path("store"), as_bytes(record));
    EXPECT_FALSE(machine.open_reader()->health().scrub.completed_at);
    store = machine.open();
    EXPECT_GT(scrub_all(*store), 0U);
    EXPECT_TRUE(machine.open_reader()->health().scrub.completed_at);
  }
}

TEST(Scrub, RaisesNoAlarmOverAppendsThatGoOnMeanwhile) {
  const test::TemporaryDirectory folder;
  std::vector<std::string> notices;
  const OpenOptions options{
      .segment_bytes_max = 64 << 10,
      .scrub_bytes_per_second = std::uint64_t{1} << 30,
      .scrub_period = std::chrono::seconds{1},
      .on_notice = [&](const Notice& notice) { notices.push_back(notice.message); }};
  auto store = value_of(LogStore::open(posix_environment(), folder.path().string() + "/store",
                                       options, {.scrub_delay = {}}, "file", nullptr));
  for (int i = 0; i < 500 || !store->health().scrub.completed_at; ++i) {
    append_large(*store, "s", 1);
  }
  EXPECT_EQ(store->health().scrub.finding_count, 0U);
  store.reset();
  EXPECT_EQ(notices, std::vector<std::string>{});
}

// However slow it is to be, and whenever it is to begin.
TEST(Scrub, EndsAtOnceWhereTheStoreIsClosed) {
  for (const auto delay : {std::chrono::seconds{0}, std::chrono::seconds{3600}}) {
    const test::TemporaryDirectory folder;
    auto store = value_of(LogStore::open(posix_environment(), folder.path().string() + "/store",
                                         {.scrub_bytes_per_second = 1}, {.scrub_delay = delay},
                                         "file", nullptr));
    append_large(*store, "s", 20);
    const auto before = std::chrono::steady_clock::now();
    store.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{5});
  }
}

TEST(Scrub, IsOffWhereItIsToldToBe) {
  const test::TemporaryDirectory folder;
  const auto url = "file:" + folder.path().string() + "/store";
  EXPECT_FALSE(value_of(open(url, {.scrub_bytes_per_second = 0}))->health().scrub.runs);
  EXPECT_TRUE(value_of(open(url))->health().scrub.runs);
  EXPECT_FALSE(value_of(open(url, {.read_only = true}))->health().scrub.runs);
  EXPECT_FALSE(value_of(open("memory:"))->health().scrub.runs);
  EXPECT_EQ(test::code_of(open(url, {.scrub_period = {}})), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace eventstore::log
