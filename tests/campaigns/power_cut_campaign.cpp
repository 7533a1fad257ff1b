#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/ioctl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "campaigns/campaign.hpp"
#include "campaigns/known_appends.hpp"
#include "campaigns/real_store.hpp"
#include "core/seeded_random.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

using Path = std::filesystem::path;

constexpr std::uint64_t kCutsPerEpisode = 10;

// Ends a mounted file system at once: what is not on its device by now never comes there. The
// number is the same for ext4 and XFS, and the flag means that not even the journal is written.
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutJournal = 2;

struct Kind {
  const char* name;
  std::uint64_t bytes;  // of its device: no less will do
  std::vector<std::string> make;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {.name = "ext4", .bytes = 32 << 20, .make = {"mkfs.ext4", "-q", "-F"}},
      {.name = "xfs", .bytes = 320 << 20, .make = {"mkfs.xfs", "-q", "-f"}}};
  return all;
}

// A file system in a file, which can lose its power.
class LoopDisk {
 public:
  explicit LoopDisk(const Kind& kind)
      : image_(folder_.path() / "image"), mount_(folder_.path() / "m") {
    std::filesystem::create_directory(mount_);
    std::ofstream(image_).flush();
    std::filesystem::resize_file(image_, kind.bytes);
    auto make = kind.make;
    make.push_back(image_.string());
    run_command(make);
    mount();
  }
  ~LoopDisk() { static_cast<void>(can_run({"umount", "-l", mount_.string()})); }
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  Path store() const { return mount_ / "store"; }

  void cut_power() const {
    const int root = ::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto flag = kWithoutJournal;
    const bool done = root >= 0 && ioctl(root, kShutdown, &flag) == 0;
    const int error_number = errno;
    close(root);
    if (!done) throw Violation{std::string("power cannot be cut: ") + std::strerror(error_number)};
  }
  void start_again() const {
    run_command({"umount", mount_.string()});
    mount();
  }

 private:
  void mount() const { run_command({"mount", "-o", "loop", image_.string(), mount_.string()}); }

  TemporaryDirectory folder_;
  Path image_;
  Path mount_;
};

// A real file system loses its power while a process appends.
class PowerCutCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 12; }

  std::vector<Floor> floors() const override { return {{"power cuts", 120}}; }

  std::optional<std::string> obstacle() override {
    if (geteuid() != 0) return "only root can mount a file system";
    for (const auto& kind : kinds()) {
      try {
        const LoopDisk disk(kind);
        disk.cut_power();
        usable_.push_back(&kind);
      } catch (const Violation& violation) {
        why_not_ += std::string(kind.name) + ": " + violation.what + "; ";
      }
    }
    if (usable_.empty()) return why_not_;
    return std::nullopt;
  }

  void run(std::uint64_t episode, Tally& tally) override {
    SeededRandom random(episode);
    const auto& kind = *usable_[episode % usable_.size()];
    const LoopDisk disk(kind);
    AppendLedger ledger(episode);
    for (std::uint64_t i = 0; i < kCutsPerEpisode; ++i) {
      ChildProcess child(append_command(disk.store(), ledger, 0));
      if (random.chance(5, 6)) child.listen(std::chrono::seconds(60), "opened");
      child.listen(std::chrono::microseconds(random.below(random.chance(1, 2) ? 8000 : 80'000)));
      disk.cut_power();
      // Appends fail by themselves now; one that hangs on is ended.
      child.send_signal(SIGKILL);
      child.wait();
      ledger.take_output(child.output());
      disk.start_again();
      check_after("a power cut", disk.store(), ledger);
      tally.add("power cuts");
      tally.add(std::string("power cuts of ") + kind.name);
    }
    tally.add("appends acknowledged", ledger.acknowledged_count());
  }

  std::vector<Plant> plants() const override {
    return {Plant::AnswerBeforeSync, Plant::SkipDirectorySync};
  }

 private:
  std::vector<const Kind*> usable_;
  std::string why_not_;
};

}  // namespace

std::unique_ptr<Campaign> make_power_cut_campaign() {
  return std::make_unique<PowerCutCampaign>();
}

}  // namespace eventstore::test
