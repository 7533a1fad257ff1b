#include "campaigns/operations.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace eventstore::test {
namespace {

struct Describe {
  std::string operator()(const CommitGroup& commit) const {
    std::uint64_t events = 0;
    for (const auto& request : commit.requests) events += request.events.size();
    return "commit of " + std::to_string(commit.requests.size()) + " appends, " +
           std::to_string(events) + " events";
  }
  std::string operator()(const DeleteFromStream& deletion) const {
    constexpr std::array kVerbs = {"truncate ", "set the retention of ", "delete ", "tombstone "};
    return kVerbs.at(static_cast<std::size_t>(deletion.kind)) + deletion.stream;
  }
  std::string operator()(const WorkInBackground& /*work*/) const { return "work in background"; }
  std::string operator()(const Scrub& scrub) const {
    return "check " + std::to_string(scrub.bytes) + " bytes in background";
  }
  std::string operator()(const Scavenge& scavenge) const {
    return scavenge.forgets_ids ? "scavenge and forget ids" : "scavenge";
  }
  std::string operator()(const PassTime& time) const {
    return (time.wall_only ? "wall clock set by " : "time passes: ") +
           std::to_string(time.by.count()) + " us";
  }
  std::string operator()(const LookFromOutside& look) const {
    return look.anew ? "a reader opens and reads" : "a reader reads";
  }
  std::string operator()(const Reopen& /*reopen*/) const { return "close and open"; }
  std::string operator()(const AskEverything& /*ask*/) const { return "ask everything"; }
};

}  // namespace

std::string describe(const Operation& operation) {
  return std::visit(Describe{}, operation);
}

Operation OperationMaker::next(const Model& model) {
  auto pick = random_.below(shares_.sum());
  const auto is = [&pick](std::uint64_t share) {
    if (pick < share) return true;
    pick -= share;
    return false;
  };
  if (is(shares_.commits)) return commit(model);
  if (is(shares_.deletions)) return deletion(model);
  if (is(shares_.background)) return WorkInBackground{};
  if (is(shares_.scrubs)) return Scrub{.bytes = random_.below(20'000)};
  if (is(shares_.scavenges)) return Scavenge{.forgets_ids = random_.chance(2, 3)};
  if (is(shares_.time)) {
    if (random_.chance(3, 4)) {
      return PassTime{.by = std::chrono::milliseconds(random_.below(5000))};
    }
    constexpr std::uint64_t kTenYearsInSeconds = std::uint64_t{3653} * 24 * 3600;
    const auto seconds = std::chrono::seconds(random_.below(kTenYearsInSeconds));
    return PassTime{.by = random_.chance(1, 2) ? seconds : -seconds, .wall_only = true};
  }
  if (is(shares_.looks)) return LookFromOutside{.anew = random_.chance(1, 3)};
  if (is(shares_.reopenings)) return Reopen{};
  return AskEverything{};
}

CommitGroup OperationMaker::commit(const Model& model) {
  // Mostly small groups, as small as one; some as large as they get.
  const auto size =
      1 + random_.below(random_.chance(1, 8) ? group_max_ : std::min<std::uint64_t>(group_max_, 4));
  CommitGroup group;
  for (std::uint64_t i = 0; i < size; ++i) group.requests.push_back(requests_.make(model));
  return group;
}

DeleteFromStream OperationMaker::deletion(const Model& model) {
  using Kind = DeleteFromStream::Kind;
  constexpr std::array kKinds = {Kind::Truncate,     Kind::Truncate, Kind::SetRetention,
                                 Kind::SetRetention, Kind::Delete,   Kind::Tombstone};
  DeleteFromStream deletion{.kind = kKinds.at(random_.below(kKinds.size()))};
  const bool is_for_ever = deletion.kind == Kind::Tombstone;
  deletion.stream = is_for_ever ? requests_.mortal_stream() : requests_.stream();
  const auto version = model.version_of(deletion.stream);
  if (random_.chance(1, 3)) deletion.expected = ExpectedVersion::exactly(version);
  // Now and then beyond what there is, which is refused.
  deletion.before = {1 + random_.below(version.value + 2)};
  if (random_.chance(2, 3)) deletion.retention.max_count = 1 + random_.below(9);
  // Clocks leap, but not as far as this.
  constexpr std::chrono::seconds kThousandYears{std::int64_t{1000} * 365 * 24 * 3600};
  if (random_.chance(1, 3)) deletion.retention.max_age = kThousandYears;
  return deletion;
}

}  // namespace eventstore::test
