#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "campaigns/campaign.hpp"
#include "campaigns/known_appends.hpp"
#include "campaigns/real_store.hpp"
#include "core/seeded_random.hpp"
#include "eventstore/open.hpp"
#include "support/child_process.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

using Path = std::filesystem::path;

OpenOptions small_segments() {
  return {.segment_bytes_max = 64 << 10};
}

// A file system of its own, which goes with the object.
class MountedFolder {
 public:
  explicit MountedFolder(const std::vector<std::string>& mount) {
    auto words = mount;
    words.push_back(folder_.path().string());
    run_command(words);
  }
  ~MountedFolder() { static_cast<void>(can_run({"umount", "-l", folder_.path().string()})); }
  MountedFolder(const MountedFolder&) = delete;
  MountedFolder& operator=(const MountedFolder&) = delete;

  const Path& path() const { return folder_.path(); }

 private:
  TemporaryDirectory folder_;
};

// A limit of this process, while the object lives.
class ResourceLimit {
 public:
  ResourceLimit(__rlimit_resource resource, rlim_t limit) : resource_(resource) {
    getrlimit(resource_, &before_);
    auto lower = before_;
    lower.rlim_cur = limit;
    setrlimit(resource_, &lower);
  }
  ~ResourceLimit() { setrlimit(resource_, &before_); }
  ResourceLimit(const ResourceLimit&) = delete;
  ResourceLimit& operator=(const ResourceLimit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

// The operating system refuses: the store says so, loses nothing, and works when it does no more.
class IoErrorCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 100; }

  std::vector<Floor> floors() const override {
    std::vector<Floor> floors = {{"file-size limits met", 20},
                                 {"descriptor limits met", 20},
                                 {"reads beyond a truncation", 20}};
    if (has_strace()) floors.push_back({"syncs that failed", 15});
    if (can_mount()) floors.push_back({"full disks met", 20});
    return floors;
  }

  void run(std::uint64_t episode, Tally& tally) override {
    SeededRandom random(episode);
    switch (episode % 5) {
      case 0:
        return fill_a_disk(random, tally);
      case 1:
        return meet_file_size_limit(random, tally);
      case 2:
        return run_out_of_descriptors(random, tally);
      case 3:
        return cut_a_mapped_file(random, tally);
      default:
        return fail_a_sync(random, tally);
    }
  }

  std::vector<Plant> plants() const override {
    std::vector<Plant> plants;
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    plants.push_back(Plant::NoBusErrorGuard);
#endif
    if (has_strace()) plants.push_back(Plant::RetryFailedSync);
    return plants;
  }

 private:
  static bool can_mount() {
    static const bool can = [] {
      if (geteuid() != 0) return false;
      const TemporaryDirectory folder;
      const auto path = folder.path().string();
      return can_run({"mount", "-t", "tmpfs", "-o", "size=64k", "none", path}) &&
             can_run({"umount", path});
    }();
    return can;
  }

  // Appends until one fails, at most so many. What is asked of the store is told to the ledger.
  static std::optional<Error> append_until_failure(EventStore& store, AppendLedger& ledger,
                                                   std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const AppendNumber number{.writer = 0, .number = ledger.next_number(0)};
      ledger.take_output(tries_line(number));
      const auto answer = store.append(known_append(ledger.seed(), number));
      if (!answer) return answer.error();
      ledger.take_output(acknowledged_line(number, answer->last_position));
    }
    return std::nullopt;
  }

  static void require_no_space(const std::optional<Error>& error) {
    if (!error) throw Violation{"appends do not meet the limit"};
    if (error->code == ErrorCode::NoSpace) return;
    throw Violation{"without room an append is told: " + error->message};
  }

  // The room that a store had is taken away and given back: it refuses, and goes on by itself.
  static void without_room(const Path& path, SeededRandom& random, Tally& tally,
                           const char* counted, std::uint64_t segment_bytes_max,
                           const std::function<void()>& take_room,
                           const std::function<void()>& make_room) {
    AppendLedger ledger(random.next());
    {
      const auto store =
          value_of(open("file:" + path.string(), {.segment_bytes_max = segment_bytes_max}));
      take_room();
      require_no_space(append_until_failure(*store, ledger, 5000));
      tally.add(counted);
      for (int i = 0; i < 3; ++i) {
        // A smaller one may fit.
        const auto again = append_until_failure(*store, ledger, 5);
        if (again) require_no_space(again);
        ledger.check(*store);
      }
      make_room();
      const auto after = append_until_failure(*store, ledger, 20);
      if (after) throw Violation{"with room again, an append is told: " + after->message};
      ledger.check(*store);
    }
    check_after("a want of room", path, ledger);
  }

  static void fill_a_disk(SeededRandom& random, Tally& tally) {
    if (!can_mount()) return tally.add("full disks skipped: nothing can be mounted here");
    const MountedFolder disk({"mount", "-t", "tmpfs", "-o",
                              "size=" + std::to_string(300 + 4 * random.below(100)) + "k", "none"});
    const auto ballast = disk.path() / "ballast";
    without_room(
        disk.path() / "store", random, tally, "full disks met", 64 << 10,
        [&] { std::ofstream(ballast) << std::string(160 << 10, 'b'); },
        [&] { std::filesystem::remove(ballast); });
  }

  static void meet_file_size_limit(SeededRandom& random, Tally& tally) {
    const TemporaryDirectory folder;
    std::unique_ptr<ResourceLimit> limit;
    const auto bytes = (1 << 20) + 20'000 + random.below(600'000);
    without_room(
        folder.path() / "store", random, tally, "file-size limits met", 4 << 20,
        [&] { limit = std::make_unique<ResourceLimit>(RLIMIT_FSIZE, bytes); },
        [&] { limit.reset(); });
  }

  // Files cannot be opened any more: what needs them fails with an error, and the store opens
  // again.
  static void run_out_of_descriptors(SeededRandom& random, Tally& tally) {
    const TemporaryDirectory folder;
    const auto path = folder.path() / "store";
    AppendLedger ledger(random.next());
    {
      const auto store = value_of(open("file:" + path.string(), small_segments()));
      const auto before = append_until_failure(*store, ledger, 1 + random.below(100));
      if (before) throw Violation{"an append fails: " + before->message};
      std::optional<Error> failed;
      {
        // None is free below the lowest that would be given next.
        const int next = dup(STDIN_FILENO);
        close(next);
        const ResourceLimit limit(RLIMIT_NOFILE, static_cast<rlim_t>(next));
        failed = append_until_failure(*store, ledger, 500);
      }
      if (!failed) throw Violation{"a segment was made without a descriptor"};
      if (failed->code != ErrorCode::OutOfResources) {
        throw Violation{"without a descriptor an append is told: " + failed->message};
      }
      tally.add("descriptor limits met");
      ledger.check(*store);
      const auto after = append_until_failure(*store, ledger, 20);
      if (after) throw Violation{"with descriptors again, an append is told: " + after->message};
      ledger.check(*store);
    }
    check_after("a want of descriptors", path, ledger);
  }

  // Somebody cuts a file short that is mapped: reads beyond that are errors, and nothing dies.
  static void cut_a_mapped_file(SeededRandom& random, Tally& tally) {
    const TemporaryDirectory folder;
    const auto path = folder.path() / "store";
    AppendLedger ledger(random.next());
    const auto store = value_of(open("file:" + path.string(), small_segments()));
    append_until_failure(*store, ledger, 150);
    const auto whole = read_everything(*store);
    auto cursor = value_of(store->read({}));
    value_of(cursor->next());
    std::vector<Path> segments;
    for (const auto& file : std::filesystem::directory_iterator(path / "log")) {
      if (file.path().extension() == ".seg") segments.push_back(file.path());
    }
    const auto& victim = segments[random.below(segments.size())];
    std::filesystem::resize_file(victim, 4096 * random.below(4));
    for (int i = 0; i < 3; ++i) {
      const auto read =
          try_read(*store, {.direction = i == 1 ? Direction::Backwards : Direction::Forwards});
      auto expected = whole;
      if (i == 1) std::ranges::reverse(expected);
      if (read && read->events != expected) {
        throw Violation{"a read of a file that was cut short ends without an error"};
      }
      if (!read) tally.add("reads beyond a truncation");
    }
    for (auto batch = cursor->next(); batch && !batch->empty(); batch = cursor->next()) {
    }
    static_cast<void>(store->verify());  // may fail; must come back
  }

  // Somebody is told of the failure; and what is tried after that does not succeed.
  static void check_told(const std::string& output) {
    const auto failure = output.find("\nf ");
    if (failure == std::string::npos) throw Violation{"no append is told of a failed sync"};
    for (auto at = output.find("\nt ", failure); at != std::string::npos;
         at = output.find("\nt ", at + 1)) {
      const auto number = output.substr(at + 3, output.find('\n', at + 3) - at - 3);
      if (output.find("\na " + number + " ", at) != std::string::npos) {
        throw Violation{"an append is acknowledged that came after a failed sync"};
      }
    }
  }

  // A sync that failed is never made good by another one.
  static void fail_a_sync(SeededRandom& random, Tally& tally) {
    if (!has_strace()) return tally.add("failing syncs skipped: strace does not work here");
    const TemporaryDirectory folder;
    const auto path = folder.path() / "store";
    AppendLedger ledger(random.next());
    {
      ChildProcess maker(append_command(path, ledger, 2));
      if (maker.wait() != 0) throw Violation{"a store cannot be made"};
      ledger.take_output(maker.output());
    }
    ChildProcess child(with_strace("fdatasync", "error=EIO", 1 + random.below(8),
                                   append_command(path, ledger, 25)));
    const auto status = child.wait();
    ledger.take_output(child.output());
    const auto code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    if (code == 0) throw Violation{"a sync failed and nobody was told"};
    if (code != kChildAppendFailed && code != kChildOpenFailed) {
      throw Violation{"after a failed sync the process ends with code " + std::to_string(code)};
    }
    if (code == kChildAppendFailed) check_told(child.output());
    tally.add("syncs that failed");
    check_after("a failed sync", path, ledger);
  }
};

}  // namespace

std::unique_ptr<Campaign> make_io_error_campaign() {
  return std::make_unique<IoErrorCampaign>();
}

}  // namespace eventstore::test
