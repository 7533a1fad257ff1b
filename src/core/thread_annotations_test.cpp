#include "core/thread_annotations.hpp"

#include <condition_variable>
#include <thread>

#include <gtest/gtest.h>

namespace eventstore {
namespace {

struct Counter {
  Mutex mutex;
  std::condition_variable_any changed;
  int value GUARDED_BY(mutex) = 0;
};

TEST(MutexLock, GuardsAgainstOtherThreads) {
  Counter counter;
  const auto add = [&counter] {
    for (int i = 0; i < 1000; ++i) {
      const MutexLock lock(counter.mutex);
      ++counter.value;
    }
  };
  {
    const std::jthread one(add);
    const std::jthread two(add);
  }
  const MutexLock lock(counter.mutex);
  EXPECT_EQ(counter.value, 2000);
}

TEST(MutexLock, WaitsOnAConditionVariable) {
  Counter counter;
  const std::jthread other([&counter] {
    const MutexLock lock(counter.mutex);
    counter.value = 1;
    counter.changed.notify_all();
  });
  MutexLock lock(counter.mutex);
  while (counter.value == 0) counter.changed.wait(lock);
  EXPECT_EQ(counter.value, 1);
}

TEST(MutexLock, GivesBackOnlyWhatItHolds) {
  Mutex mutex;
  {
    MutexLock lock(mutex);
    lock.unlock();
    const bool free = mutex.try_lock();
    EXPECT_TRUE(free);
    if (free) mutex.unlock();
  }
  const bool free = mutex.try_lock();
  EXPECT_TRUE(free);
  if (free) mutex.unlock();
}

struct SharedCounter {
  SharedMutex mutex;
  int value GUARDED_BY(mutex) = 0;
};

TEST(WriterLock, KeepsReadersAndWritersOut) {
  SharedCounter counter;
  const auto add = [&counter] {
    for (int i = 0; i < 1000; ++i) {
      const WriterLock lock(counter.mutex);
      ++counter.value;
    }
  };
  {
    const std::jthread one(add);
    const std::jthread two(add);
  }
  const ReaderLock lock(counter.mutex);
  EXPECT_EQ(counter.value, 2000);
}

TEST(ReaderLock, LetsOtherReadersIn) {
  SharedCounter counter;
  const ReaderLock lock(counter.mutex);
  int seen = -1;
  std::jthread([&counter, &seen] {
    const ReaderLock other(counter.mutex);
    seen = counter.value;
  }).join();
  EXPECT_EQ(seen, 0);
}

}  // namespace
}  // namespace eventstore
