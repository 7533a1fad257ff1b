#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "campaigns/campaign.hpp"
#include "campaigns/postgres_servers.hpp"
#include "core/seeded_random.hpp"
#include "eventstore/builtin_projections.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "eventstore/text.hpp"
#include "support/child_process.hpp"
#include "support/ledger_projection.hpp"
#include "support/postgres_server.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {
namespace {

constexpr std::uint64_t kKillsPerEpisode = 100;

// The building permits of examples/permits, and what their events count up to.
struct Permits {
  std::vector<NewEvent> events;
  nlohmann::json types;
};

std::string output_of(const std::vector<std::string>& words) {
  ChildProcess child(words);
  child.listen(std::chrono::minutes(1));
  if (child.wait() != 0) throw Violation{words.front() + " failed"};
  return child.output();
}

const Permits& permits() {
  static const Permits read = [] {
    const std::string folder = EVENTSTORE_PERMITS_FOLDER;
    Permits permits;
    std::istringstream lines(output_of({"zstd", "-dcq", folder + "/permits.ndjson.zst"}));
    for (std::string line; std::getline(lines, line);) {
      permits.events.push_back(value_of(parse_ndjson_event(line)));
    }
    std::ifstream truth(folder + "/permits.truth.json");
    permits.types = nlohmann::json::parse(truth).at("types");
    return permits;
  }();
  return read;
}

// Projections of the permits in processes that are killed while these are appended.
class KilledProjections {
 public:
  KilledProjections(std::uint64_t episode, Tally& tally) : random_(episode), tally_(tally) {
    const bool is_in_file = episode % 2 == 0;
    workers_ = episode % 4 < 2 ? "1" : "4";
    if (is_in_file) {
      url_ = "file:" + (folder_.path() / "store").string();
    } else {
      schema_ = random_name("projections_");
      url_ = postgres_url() + (postgres_url().contains('?') ? "&" : "?") + "schema=" + schema_;
      register_postgres_engine();
    }
    store_ = value_of(open(url_));
    state_ = value_of(open_state(url_));
  }
  ~KilledProjections() {
    store_.reset();
    state_.reset();
    if (!schema_.empty()) {
      run_sql(*connect_to(postgres_url()), "DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
    }
  }
  KilledProjections(const KilledProjections&) = delete;
  KilledProjections& operator=(const KilledProjections&) = delete;

  void run() {
    for (std::uint64_t kill = 0; kill < kKillsPerEpisode; ++kill) {
      const bool rebuilds = random_.chance(1, 3);
      ChildProcess child(
          {program_beside("projection_child"), url_, workers_, rebuilds ? "rebuild" : "run"});
      if (!child.listen(std::chrono::seconds(60), "working")) {
        throw Violation{"the process ended by itself: " + std::to_string(child.wait())};
      }
      append(permits().events.size() * (kill + 1) / kKillsPerEpisode);
      child.listen(std::chrono::microseconds(random_.below(rebuilds ? 300'000 : 150'000)));
      child.send_signal(SIGKILL);
      if (const auto status = child.wait(); !WIFSIGNALED(status)) {
        throw Violation{"the process ended by itself: " + std::to_string(status)};
      }
      tally_.add("kills");
      if (rebuilds) tally_.add("kills that may cut a rebuild short");
      for (auto at = child.output().find("rebuilt"); at != std::string::npos;
           at = child.output().find("rebuilt", at + 1)) {
        tally_.add("rebuilds completed");
      }
      check_ledger();
    }
    finish();
  }

 private:
  // Up to so many in all.
  void append(std::size_t count) {
    for (; appended_ < count; ++appended_) {
      value_of(store_->append({.events = {permits().events[appended_]}}));
    }
  }

  void check_ledger() {
    const auto found = ledger_state(*state_);
    if (!found) return;
    tally_.add("states compared");
    const auto expected = ledger_fold(read_events(*store_), found->workers);
    if (found->documents != expected) throw Violation{"documents are no fold up to the checkpoint"};
    if (found->rows != expected) throw Violation{"rows are no fold up to the checkpoint"};
  }

  void finish() {
    Subscriptions subscriptions(*store_);
    Projections projections(subscriptions, *state_);
    const ProjectionOptions options{.workers = static_cast<std::uint32_t>(std::stoul(workers_)),
                                    .once = true,
                                    .lease = std::chrono::milliseconds(100)};
    Ledger ledger;
    const auto counts = make_builtin_projection("event-type-count");
    value_of(value_of(projections.run(ledger, options))->wait(soon()));
    value_of(value_of(projections.run(*counts, options))->wait(soon()));
    check_ledger();
    nlohmann::json types;
    for (const auto& [type, document] : documents_of(projections, "event-type-count")) {
      types[type] = document.at("count");
    }
    if (types != permits().types) throw Violation{"event-type-count says " + types.dump()};
  }

  SeededRandom random_;
  Tally& tally_;
  const TemporaryDirectory folder_;
  std::string workers_;
  std::string schema_;
  std::string url_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<StateDatabase> state_;
  std::size_t appended_ = 0;
};

// Projections in real processes, killed at any moment: on both engines, with one worker and four.
class ProjectionKillCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 4; }

  std::vector<Floor> floors() const override {
    return {{"kills", 400}, {"states compared", 390}, {"rebuilds completed", 40}};
  }

  std::optional<std::string> obstacle() override { return postgres_obstacle(); }

  void run(std::uint64_t episode, Tally& tally) override {
    try {
      KilledProjections(episode, tally).run();
    } catch (const std::exception& error) {
      throw Violation{error.what()};
    }
  }
};

}  // namespace

std::unique_ptr<Campaign> make_projection_kill_campaign() {
  return std::make_unique<ProjectionKillCampaign>();
}

}  // namespace eventstore::test
