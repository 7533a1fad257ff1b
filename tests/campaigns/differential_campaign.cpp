#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "campaigns/campaign.hpp"
#include "campaigns/compared_stores.hpp"
#include "campaigns/postgres_servers.hpp"
#include "core/seeded_random.hpp"
#include "property/pair.hpp"
#include "support/postgres_server.hpp"

namespace eventstore::test {
namespace {

// Later than the clock of any server, whose reads do not go by the test's.
constexpr Timestamp kStart = std::chrono::sys_days(std::chrono::year(2131) / 1 / 1);

// One history on the model, the embedded engine and the PostgreSQL engine.
class History {
 public:
  History(std::uint64_t number, PostgresHistories& postgres)
      : random_(mix_bits(number)),
        plans_(number),
        start_(kStart + std::chrono::hours(random_.below(std::uint64_t{24} * 45))),
        store_(random_.next(), start_),
        embedded_(store_.hooks()),
        postgres_(postgres.hooks(start_)) {}

  void run(bool verbose) {
    // Mostly short: what a history costs before its first step is much of it.
    const auto length = random_.chance(1, 8) ? 40 + random_.below(80) : 8 + random_.below(24);
    for (std::uint64_t step = 0; step < length; ++step) {
      const auto plan = next_plan();
      std::ostringstream name;
      name << "step " << step << ", " << plan;
      if (verbose) std::cerr << name.str() << '\n';
      in_both(name.str(), [&](Pair& pair) { pair.perform(plan); });
    }
    in_both("the end", [](Pair& pair) { pair.compare_all(); });
  }

  void count(Tally& tally) const {
    tally.add("histories");
    for (const auto& [name, count] : postgres_.counts()) tally.add(name, count);
  }

 private:
  // Ranges are drawn from as a whole only at rapidcheck's full size.
  Plan next_plan() { return any_plan()(plans_.split(), rc::kNominalSize).value(); }

  template <typename Do>
  void in_both(const std::string& what, const Do& perform) {
    in_one(what + ", embedded", [&] { perform(embedded_); });
    in_one(what + ", postgresql", [&] { perform(postgres_); });
    in_one(what, [&] { compare(); });
  }

  template <typename Do>
  static void in_one(const std::string& what, const Do& perform) {
    try {
      perform();
    } catch (const std::exception& error) {
      throw Violation{what + ": " + error.what()};
    }
  }

  // What the model does not know: when an event was recorded, and the messages of errors.
  void compare() {
    const auto embedded = embedded_.take_answers();
    const auto postgres = postgres_.take_answers();
    if (embedded != postgres) {
      throw Violation{"one says [" + embedded + "], the other [" + postgres + "]"};
    }
    const auto& events = embedded_.model().events();
    for (; compared_ < events.size(); ++compared_) {
      if (events[compared_].recorded_at == postgres_.model().events()[compared_].recorded_at) {
        continue;
      }
      throw Violation{"position " + std::to_string(compared_ + 1) + " has another time"};
    }
  }

  SeededRandom random_;
  rc::Random plans_;
  const Timestamp start_;
  EmbeddedStore store_;
  Pair embedded_;
  Pair postgres_;
  std::size_t compared_ = 0;  // events
};

// The engines give the same answers.
class DifferentialCampaign final : public Campaign {
 public:
  std::uint64_t episodes() const override { return 2000; }

  std::vector<Floor> floors() const override {
    return {{"histories", 2000},
            {"appends accepted", 12'000},
            {"appends repeated", 600},
            {"appends refused: wrong_expected_version", 3000},
            {"appends refused: append_condition_failed", 800},
            {"appends refused: event_id_conflict", 900},
            {"appends refused: stream_deleted", 60},
            {"appends refused: invalid_argument", 1200},
            {"appends refused: cancelled", 1500},
            {"chains", 1200},
            {"deletions", 800},
            {"events read", 120'000},
            {"scavenges", 500},
            {"stores opened again", 700},
            {"times that another month began", 300}};
  }

  std::optional<std::string> obstacle() override { return postgres_obstacle(); }

  bool set(std::string_view name, std::string_view value) override {
    verbose_ = name == "verbose" && value == "yes";
    return verbose_;
  }

  std::vector<Plant> plants() const override {
    return {Plant::RetainsOneMore, Plant::MaxAgeIgnored,     Plant::DeletedIsShown,
            Plant::VersionNotTold, Plant::FirstMonthLeftOut, Plant::ChainGoesOn};
  }

  void run(std::uint64_t episode, Tally& tally) override {
    if (postgres_ == nullptr) postgres_ = std::make_unique<PostgresHistories>(postgres_url());
    History history(episode, *postgres_);
    history.run(verbose_);
    history.count(tally);
  }

 private:
  bool verbose_ = false;
  std::unique_ptr<PostgresHistories> postgres_;
};

}  // namespace

std::unique_ptr<Campaign> make_differential_campaign() {
  return std::make_unique<DifferentialCampaign>();
}

}  // namespace eventstore::test
