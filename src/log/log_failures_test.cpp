#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log/folder.hpp"
#include "log/log_store_test_support.hpp"
#include "log/run_files.hpp"
#include "support/temporary_directory.hpp"

// What the operating system refuses, and what somebody does to the files: docs/failures.md.
namespace eventstore::log {
namespace {

using Call = SimulatedFileSystem::Call;
using test::code_of;
using test::read_everything;
using test::value_of;

AppendRequest large_append() {
  auto request = test::append_to("s");
  request.events.front().data = '"' + std::string(1000, 'x') + '"';
  return request;
}

bool is_without_means(ErrorCode code) {
  return code == ErrorCode::NoSpace || code == ErrorCode::OutOfResources;
}

struct Refusal {
  Call call;
  int error_number;
};

// Three appends, the first of which rolls the segment, while the nth such call is refused. Returns
// how many failed for it: those alone, and nothing else.
int appends_refused(const Refusal& refusal, std::uint64_t nth) {
  StoreOnSimulatedDisk machine;
  auto store = machine.open();
  append_large(*store, "s", 3);
  machine.files().inject({.call = refusal.call, .nth = nth, .error_number = refusal.error_number});
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    if (const auto appended = store->append(large_append()); !appended) {
      ++refused;
      EXPECT_TRUE(is_without_means(appended.error().code)) << appended.error().message;
      EXPECT_TRUE(appended.error().is_retryable());
    }
    EXPECT_EQ(read_everything(*store).size(), static_cast<std::size_t>(4 + i - refused));
  }
  machine.files().clear_faults();
  EXPECT_FALSE(store->health().failure);
  append_large(*store, "s", 1);
  store.reset();
  store = machine.open();
  EXPECT_EQ(read_everything(*store).size(), static_cast<std::size_t>(7 - refused));
  EXPECT_TRUE(value_of(store->verify()).findings.empty());
  return refused;
}

// Whatever the call, and whatever it lacks.
TEST(LogFailures, OfACallForWantOfMeansFailTheAppendAlone) {
  constexpr std::array kRefusals = {
      Refusal{Call::Write, ENOSPC},  Refusal{Call::Write, EDQUOT},  Refusal{Call::Write, EFBIG},
      Refusal{Call::Write, ENOMEM},  Refusal{Call::Create, ENOSPC}, Refusal{Call::Create, EDQUOT},
      Refusal{Call::Create, EMFILE}, Refusal{Call::Create, ENFILE}, Refusal{Call::Create, ENOMEM},
      Refusal{Call::Rename, ENOSPC}, Refusal{Call::Rename, EDQUOT}, Refusal{Call::Rename, ENOMEM},
  };
  for (const auto& refusal : kRefusals) {
    int refused = 0;
    for (std::uint64_t nth = 1; nth <= 4; ++nth) refused += appends_refused(refusal, nth);
    EXPECT_GT(refused, 0) << static_cast<int>(refusal.call) << " errno " << refusal.error_number;
  }
}

// A disk that stays full: all but appending works, closing and opening too.
TEST(LogFailures, OfEveryWriteLeaveTheRestOfTheStoreAsItWas) {
  for (const int error_number : {ENOSPC, EDQUOT, EFBIG}) {
    StoreOnSimulatedDisk machine;
    auto store = machine.open();
    append_large(*store, "s", 7);
    // What was written before may be written again: overwriting needs no room.
    const auto fill_disk = [&] {
      machine.files().inject({.call = Call::Create, .error_number = error_number, .forever = true});
    };
    fill_disk();
    std::size_t events = 7;
    while (store->append(large_append())) ++events;
    EXPECT_FALSE(store->step());
    EXPECT_EQ(code_of(store->append(large_append())), ErrorCode::NoSpace);
    EXPECT_EQ(read_everything(*store).size(), events);
    EXPECT_EQ(test::read_stream(*store, "s").size(), events);
    EXPECT_TRUE(value_of(store->verify()).findings.empty());
    store.reset();
    store = machine.open();
    EXPECT_EQ(read_everything(*store).size(), events);
    EXPECT_EQ(code_of(store->append(large_append())), ErrorCode::NoSpace);
    EXPECT_EQ(read_everything(*machine.open_reader()).size(), events);

    machine.files().clear_faults();
    append_large(*store, "s", 5);
    EXPECT_TRUE(store->step());
    EXPECT_EQ(read_everything(*store).size(), events + 5);
  }
}

// What a device refuses leaves in doubt what it has.
TEST(LogFailures, OfADeviceEndAppendsUntilTheStoreIsOpenedAgain) {
  for (const auto call : {Call::Write, Call::Sync, Call::SyncDirectory, Call::Rename}) {
    StoreOnSimulatedDisk machine;
    auto store = machine.open();
    append_large(*store, "s", 3);
    machine.files().inject({.call = call, .error_number = EIO});
    std::uint64_t acknowledged = 3;
    while (store->append(large_append())) ++acknowledged;
    EXPECT_EQ(machine.files().faults_hit(), 1U);
    EXPECT_TRUE(store->health().failure);
    EXPECT_EQ(code_of(store->append(large_append())), ErrorCode::ReadOnly);
    EXPECT_EQ(read_everything(*store).size(), acknowledged);
    store.reset();
    store = machine.open();
    EXPECT_FALSE(store->health().failure);
    EXPECT_GE(read_everything(*store).size(), acknowledged);
    append_large(*store, "s", 1);
  }
}

// A device that cannot read fails what needs that, and nothing else.
TEST(LogFailures, OfAMapFailTheReadThatNeedsIt) {
  StoreOnSimulatedDisk machine(8192, /*run_events_max=*/3);  // opening maps the last segment alone
  auto store = machine.open();
  append_large(*store, "s", 10);
  while (store->step()) {
  }
  store.reset();
  store = machine.open();
  for (const int error_number : {EIO, ENOMEM}) {
    machine.files().inject({.call = Call::Map, .error_number = error_number, .forever = true});
    const auto read = test::try_read(*store, {.to = 3});
    machine.files().clear_faults();
    EXPECT_EQ(code_of(read), error_number == EIO ? ErrorCode::Io : ErrorCode::OutOfResources);
  }
  append_large(*store, "s", 1);
  EXPECT_EQ(read_everything(*store).size(), 11U);
}

// No descriptor is left, as where a server has too many connections: a roll needs some.
TEST(LogFailures, OfDescriptorsAreOverOnceThereAreSome) {
  const test::TemporaryDirectory folder;
  const auto store =
      value_of(open("file:" + folder.path().string() + "/store", {.segment_bytes_max = 64 << 10}));
  // A posting file is opened before: a sanitizer needs descriptors for what it has not seen yet.
  append_large(*store, "s", 75);
  auto& files = *posix_environment().files;
  while (value_of(list_run_files(files, folder.path().string() + "/store")).empty()) {
    std::this_thread::yield();
  }
  value_of(store->verify());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(0);
  close(next);
  std::size_t events = 75;
  std::size_t refused = 0;
  for (int more = 0; more < 8; ++more) {
    const rlimit few{.rlim_cur = static_cast<rlim_t>(next + more), .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 70; ++i) {
      const auto appended = store->append(large_append());
      if (appended) {
        ++events;
      } else {
        ++refused;
        EXPECT_EQ(appended.error().code, ErrorCode::OutOfResources) << appended.error().message;
      }
    }
    EXPECT_EQ(value_of(store->head()).value, events);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    append_large(*store, "s", 1);
    ++events;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_FALSE(store->health().failure);
  EXPECT_EQ(read_everything(*store).size(), events);
  EXPECT_TRUE(value_of(store->verify()).findings.empty());
}

// Signals interrupt system calls; none of them may fail for it.
TEST(LogFailures, DoNotComeOfSignals) {
  struct sigaction handler{};
  handler.sa_handler = [](int) {};  // without SA_RESTART
  struct sigaction before{};
  ASSERT_EQ(sigaction(SIGUSR1, &handler, &before), 0);
  const test::TemporaryDirectory folder;
  const auto url = "file:" + folder.path().string() + "/store";
  const auto appending = pthread_self();
  {
    const std::jthread interrupting([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) pthread_kill(appending, SIGUSR1);
    });
    for (int i = 0; i < 20; ++i) {
      const auto store = value_of(open(url, {.segment_bytes_max = 64 << 10}));
      append_large(*store, "s", 20);
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
      EXPECT_EQ(code_of(store->wait_past({1000}, deadline, {})), ErrorCode::DeadlineExceeded);
    }
  }
  EXPECT_EQ(read_everything(*value_of(open(url))).size(), 400U);
  sigaction(SIGUSR1, &before, nullptr);
}

// Files of another store or of another place are never taken for its own, and left as they are.
TEST(LogFailures, OfFilesThatAreNotTheStoresOwnAreNoticed) {
  for (const std::string what : {"swapped", "another store's", "an older one of the same place"}) {
    StoreOnSimulatedDisk machine;
    append_large(*machine.open(), "s", 2);
    const auto older = machine.disk().contents(segment_path("store", 1));
    append_large(*machine.open(), "s", 10);
    const auto first = segment_path("store", 1);
    const auto second = segment_path("store", 2);
    const auto bytes = machine.disk().contents(first);
    if (what == "swapped") {
      machine.disk().put(first, machine.disk().contents(second));
      machine.disk().put(second, bytes);
    } else if (what == "another store's") {
      StoreOnSimulatedDisk other;
      static_cast<void>(make_uuid_v4(*other.environment().random));  // it gets other ids
      append_large(*other.open(), "s", 12);
      machine.disk().put(first, other.disk().contents(first));
    } else {
      machine.disk().put(first, older);
    }
    const auto files = machine.disk();
    EXPECT_EQ(code_of(machine.try_open()), ErrorCode::Corruption) << what;
    const auto reader = machine.open_reader();
    EXPECT_EQ(test::read_events(*reader, {.from = 10}).size(), 3U);
    EXPECT_EQ(code_of(test::try_read(*reader, {})), ErrorCode::Corruption);
    EXPECT_EQ(value_of(reader->verify()).findings.front().where.file, first);
    for (const auto& path : files.files()) {
      if (!path.ends_with(".seg")) continue;
      EXPECT_EQ(machine.disk().contents(path), files.contents(path)) << path;
    }
  }
}

// Of the log an older copy was put back, or a copy was made while it was written to.
TEST(LogFailures, OfALogOlderThanItsHeadPageSayWhatToDo) {
  StoreOnSimulatedDisk machine;
  append_large(*machine.open(), "s", 1);
  const auto older = machine.disk().contents(segment_path("store", 1));
  append_large(*machine.open(), "s", 1);
  machine.disk().put(segment_path("store", 1), older);
  const auto refused = test::error_of(machine.try_open());
  EXPECT_EQ(refused.code, ErrorCode::Corruption);
  EXPECT_NE(refused.message.find("remove HEAD and open it again"), std::string::npos);
  EXPECT_EQ(code_of(test::try_read(*machine.open_reader(), {})), ErrorCode::Corruption);
  machine.disk().remove(head_path("store"));
  const auto store = machine.open();
  EXPECT_EQ(value_of(store->head()), GlobalPosition{1});
  // Whoever had seen more is told.
  EXPECT_EQ(code_of(store->append({.condition = AppendCondition{Query::everything(), {2}}})),
            ErrorCode::InvalidArgument);
}

// A whole folder that is rolled back cannot be told from the inside, but has the same lineage:
// whoever keeps a position beyond its head knows that events were lost.
TEST(LogFailures, AreToldByTheIdentityOfTheStore) {
  StoreOnSimulatedDisk machine;
  const auto health = machine.open()->health();
  EXPECT_NE(health.store_id, Uuid{});
  EXPECT_NE(health.lineage_id, Uuid{});
  EXPECT_EQ(machine.open_reader()->health().store_id, health.store_id);
  EXPECT_EQ(machine.open_reader()->health().lineage_id, health.lineage_id);
}

}  // namespace
}  // namespace eventstore::log
