#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "log/folder.hpp"
#include "log/format.hpp"
#include "log/log_store_test_support.hpp"
#include "support/temporary_directory.hpp"

// Somebody cuts files of an open store short: the process must live on.
namespace eventstore::log {
namespace {

using test::code_of;
using test::try_read;
using test::value_of;

class MappedFailure : public testing::Test {
 protected:
  MappedFailure() : store_(value_of(open("file:" + path_))) { append_large(*store_, "s", 50); }

  static void cut(const std::string& file, std::uint64_t bytes) {
    std::filesystem::resize_file(file, bytes);
  }
  std::unique_ptr<EventStore> open_reader() {
    return value_of(open("file:" + path_, {.read_only = true}));
  }

  test::TemporaryDirectory folder_;
  const std::string path_ = folder_.path().string() + "/store";
  std::unique_ptr<EventStore> store_;
};

TEST_F(MappedFailure, OfASegmentFailsTheReadsThatMeetIt) {
  const auto reader = open_reader();
  value_of(try_read(*reader, {}));
  cut(segment_path(path_, 1), kSegmentHeaderBytes + 8192);
  for (auto* store : {store_.get(), reader.get()}) {
    for (const auto direction : {Direction::Forwards, Direction::Backwards}) {
      EXPECT_EQ(code_of(try_read(*store, {.direction = direction})), ErrorCode::Io);
    }
    EXPECT_EQ(value_of(try_read(*store, {.limit = 5})).events.size(), 5U);
    EXPECT_FALSE(store->stream_info("s"));
    const auto verified = store->verify();
    EXPECT_TRUE(!verified || !verified->findings.empty());
  }
}

TEST_F(MappedFailure, OfAViewThatIsCopiedFailsTheRead) {
  const auto cursor = value_of(store_->read({.copy = true}));
  cut(segment_path(path_, 1), kSegmentHeaderBytes);
  EXPECT_EQ(code_of(cursor->next()), ErrorCode::Io);
}

// Neither does the reader take the writer for gone, nor does the writer stop.
TEST_F(MappedFailure, OfTheHeadPageFailsReadersAndNotTheWriter) {
  const auto reader = open_reader();
  cut(head_path(path_), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of(reader->head()), ErrorCode::Io);
  append_large(*store_, "s", 1);
  EXPECT_EQ(value_of(store_->head()), GlobalPosition{51});
  store_.reset();
  store_ = value_of(open("file:" + path_));
  EXPECT_EQ(value_of(open_reader()->head()), GlobalPosition{51});
}

}  // namespace
}  // namespace eventstore::log
