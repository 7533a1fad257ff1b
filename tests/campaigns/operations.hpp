#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "campaigns/request_maker.hpp"
#include "core/seeded_random.hpp"
#include "eventstore/append.hpp"
#include "eventstore/deletion.hpp"
#include "support/model.hpp"

// What the campaigns do to a store: one list for all of them.
//
// To add a kind of operation: a struct here, in Operation and in describe(); its share in
// OperationMaker; what it does and how it is judged in CheckedStore, as one more overload of
// apply(). The crash campaign then does it at any moment, the campaign of failing calls makes
// each of its calls fail, and the one of crash states crashes after each of them.
namespace eventstore::test {

// Appends that are committed as one group.
struct CommitGroup {
  std::vector<AppendRequest> requests;
};
// Something of a stream is deleted, or is to be deleted from now on.
struct DeleteFromStream {
  enum class Kind : std::uint8_t { Truncate, SetRetention, Delete, Tombstone };
  Kind kind = Kind::Delete;
  std::string stream = {};
  ExpectedVersion expected = ExpectedVersion::any();
  StreamVersion before = {};  // for Truncate
  Retention retention = {};   // for SetRetention
};
// What is due in the background: a run of the index gets its posting file, some are merged, a
// sealed segment gets its digest.
struct WorkInBackground {};
// The background check reads on.
struct Scrub {
  std::uint64_t bytes = 0;
};
// The space of what is deleted is freed; ids are forgotten, or not for a thousand years. What
// retention hides is truncated first: elsewhere it would be gone at a time that is the engine's.
struct Scavenge {
  bool forgets_ids = false;
};
// Time passes; or somebody sets the wall clock, back or ahead.
struct PassTime {
  std::chrono::microseconds by{};
  bool wall_only = false;
};
// Another process reads everything; `anew`: it opens the store for that.
struct LookFromOutside {
  bool anew = false;
};
// The store is closed and opened.
struct Reopen {};
// Everything that can be asked is asked, verification included.
struct AskEverything {};

using Operation = std::variant<CommitGroup, DeleteFromStream, WorkInBackground, Scrub, Scavenge,
                               PassTime, LookFromOutside, Reopen, AskEverything>;

std::string describe(const Operation& operation);

// How often an operation comes, of all that do.
struct OperationShares {
  std::uint64_t commits = 14;
  std::uint64_t deletions = 1;
  std::uint64_t background = 2;
  std::uint64_t scrubs = 0;
  std::uint64_t scavenges = 0;
  std::uint64_t time = 2;
  std::uint64_t looks = 2;
  std::uint64_t reopenings = 0;
  std::uint64_t questions = 0;

  std::uint64_t sum() const {
    return commits + deletions + background + scrubs + scavenges + time + looks + reopenings +
           questions;
  }
};

// Makes operations of every kind from a seed.
class OperationMaker {
 public:
  // `salt`: see RequestMaker.
  OperationMaker(std::uint64_t seed, OperationShares shares, std::uint64_t group_max,
                 std::uint8_t salt = 0)
      : random_(seed), requests_(random_, salt), shares_(shares), group_max_(group_max) {}

  // `model`: what is in the store; what is made aims at it.
  Operation next(const Model& model);
  CommitGroup commit(const Model& model);

 private:
  DeleteFromStream deletion(const Model& model);

  SeededRandom random_;
  RequestMaker requests_;
  OperationShares shares_;
  std::uint64_t group_max_;
};

}  // namespace eventstore::test
