#include <algorithm>
#include <set>
#include <utility>

#include "core/posix_environment.hpp"
#include "core/refusal.hpp"
#include "core/thread_annotations.hpp"
#include "eventstore/consumer_group.hpp"
#include "eventstore/event_store.hpp"
#include "eventstore/validate.hpp"
#include "subscription/group_member.hpp"
#include "subscription/group_settings.hpp"
#include "subscription/group_tables.hpp"
#include "subscription/parked_events.hpp"

namespace eventstore {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

using subscription::GroupRow;
using subscription::RunningGroupMember;

Error not_found(std::string_view name) {
  return {.code = ErrorCode::NotFound, .message = "there is no consumer group " + in_quotes(name)};
}

}  // namespace

class ConsumerGroups::Impl {
 public:
  Impl(Subscriptions& subscriptions, StateDatabase& state)
      : subscriptions_(subscriptions), state_(state) {}

  using Transaction = std::unique_ptr<StateTransaction>;

  Result<Transaction> begin_read() { return state_.begin_read(deadline()); }

  // With the group's lock.
  Result<Transaction> begin(std::string_view group) {
    auto transaction = state_.begin(deadline());
    if (!transaction) return transaction;
    if (auto locked = subscription::lock_group(**transaction, group); !locked) {
      return std::unexpected(std::move(locked).error());
    }
    return transaction;
  }

  // Changes what is there of a group, and has its members in this process look.
  template <typename Change>
  auto change(std::string_view group, const Change& change)
      -> decltype(change(std::declval<StateTransaction&>())) {
    auto transaction = begin(group);
    if (!transaction) return std::unexpected(std::move(transaction).error());
    const auto found = subscription::find_group(**transaction, group);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::unexpected(not_found(group));
    auto changed = change(**transaction);
    if (!changed) return changed;
    if (auto done = (*transaction)->commit(); !done) {
      return std::unexpected(std::move(done).error());
    }
    transaction->reset();
    tell_members(group);
    return changed;
  }

  // Fails with InvalidArgument where the group that is there has other settings.
  static Result<void> check_same(StateTransaction& transaction, std::string_view name,
                                 const ConsumerGroupSettings& settings) {
    const auto there = settings_of(transaction, name);
    if (!there) return std::unexpected(there.error());
    const auto others = subscription::other_settings(*there, settings);
    if (others.empty()) return {};
    return std::unexpected(Error{.code = ErrorCode::InvalidArgument,
                                 .message = "there is a consumer group " + in_quotes(name) +
                                            " with other settings: " + others});
  }

  static Result<ConsumerGroupSettings> settings_of(StateTransaction& transaction,
                                                   std::string_view name) {
    const auto row = subscription::find_group(transaction, name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::unexpected(not_found(name));
    auto settings = subscription::parse_group_settings((*row)->settings);
    if (settings) settings->start = AfterPosition{(*row)->start};
    return settings;
  }

  Result<GlobalPosition> start_of(const ConsumerGroupSettings& settings) {
    auto tried = subscriptions_.open({.filter = settings.filter, .start = settings.start});
    if (!tried) return std::unexpected(std::move(tried).error());
    return (*tried)->position();
  }

  Result<std::unique_ptr<GroupMember>> join(std::string_view name, std::string_view member) {
    auto transaction = begin_read();
    if (!transaction) return std::unexpected(std::move(transaction).error());
    const auto row = subscription::find_group(**transaction, name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::unexpected(not_found(name));
    transaction->reset();
    auto settings = subscription::parse_group_settings((*row)->settings);
    if (!settings) return std::unexpected(std::move(settings).error());
    return start_member(name, member, (*row)->id, *std::move(settings));
  }

  Result<ConsumerGroupStatus> status(StateTransaction& transaction, std::string_view name) {
    const auto row = subscription::find_group(transaction, name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::unexpected(not_found(name));
    const auto position = subscription::group_position(transaction, name);
    if (!position) return std::unexpected(position.error());
    const auto parked = subscription::count_parked(transaction, name);
    if (!parked) return std::unexpected(parked.error());
    auto members = members_of(transaction, name);
    if (!members) return std::unexpected(std::move(members).error());
    const auto lag = lag_of(subscriptions_.store(), *position, transaction.now());
    if (!lag) return std::unexpected(lag.error());
    return ConsumerGroupStatus{.name = std::string(name),
                               .position = *position,
                               .head = lag->head,
                               .lag = lag->positions,
                               .lag_time = lag->time,
                               .parked = *parked,
                               .members = *std::move(members),
                               .stopped = (*row)->stopped};
  }

  void tell_members(std::string_view group, const RunningGroupMember* but = nullptr) {
    const MutexLock lock(mutex_);
    for (const auto& [name, member] : members_) {
      if (name == group && member != but) member->kick();
    }
  }

 private:
  Deadline deadline() const { return posix_environment().clock->monotonic_now() + kPatience; }

  Result<std::unique_ptr<GroupMember>> start_member(std::string_view name, std::string_view member,
                                                    const std::string& id,
                                                    ConsumerGroupSettings settings) {
    // It is known here from before its first round until after its last.
    const auto known = std::make_shared<RunningGroupMember*>(nullptr);
    const std::string group(name);
    auto made = std::make_unique<RunningGroupMember>(subscription::GroupMemberParts{
        .subscriptions = &subscriptions_,
        .state = &state_,
        .environment = &posix_environment(),
        .group = group,
        .group_id = id,
        .member = std::string(member),
        .settings = std::move(settings),
        .tell_others = [this, group, known] { tell_members(group, *known); },
        .on_end = [this, known] { forget(*known); }});
    *known = made.get();
    {
      const MutexLock lock(mutex_);
      members_.insert({group, made.get()});
    }
    if (auto started = made->start(); !started) return std::unexpected(std::move(started).error());
    tell_members(group, made.get());
    return made;
  }

  void forget(RunningGroupMember* member) {
    const MutexLock lock(mutex_);
    std::erase_if(members_, [&](const auto& known) { return known.second == member; });
  }

  Result<std::vector<ConsumerGroupMember>> members_of(StateTransaction& transaction,
                                                      std::string_view name) {
    const auto rows = subscription::list_members(transaction, name);
    if (!rows) return std::unexpected(rows.error());
    const auto counts = subscription::count_buckets(transaction, name);
    if (!counts) return std::unexpected(counts.error());
    std::vector<ConsumerGroupMember> members;
    for (const auto& row : *rows) {
      if (row.expires_at <= transaction.now()) continue;  // it has left without a word
      const auto its = std::ranges::find(*counts, row.id, &subscription::MemberBuckets::member);
      members.push_back({.name = row.name,
                         .buckets = its == counts->end() ? 0 : its->buckets,
                         .expires_at = row.expires_at});
    }
    return members;
  }

  Subscriptions& subscriptions_;
  StateDatabase& state_;
  Mutex mutex_;
  std::set<std::pair<std::string, RunningGroupMember*>> members_ GUARDED_BY(mutex_);
};

ConsumerGroups::ConsumerGroups(Subscriptions& subscriptions, StateDatabase& state)
    : impl_(std::make_unique<Impl>(subscriptions, state)) {}

ConsumerGroups::~ConsumerGroups() = default;

Result<bool> ConsumerGroups::create(std::string_view name, const ConsumerGroupSettings& settings) {
  if (auto valid = validate_consumer_group_name(name); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  if (auto valid = subscription::validate_group_settings(settings); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  const auto start = impl_->start_of(settings);
  if (!start) return std::unexpected(start.error());
  auto transaction = impl_->begin(name);
  if (!transaction) return std::unexpected(std::move(transaction).error());
  const GroupRow row{.id = make_uuid_v4(*posix_environment().random).to_string(),
                     .settings = to_json(settings),
                     .start = *start};
  const auto added = subscription::add_group(**transaction, name, row);
  if (!added) return std::unexpected(added.error());
  if (!*added) {
    if (auto same = Impl::check_same(**transaction, name, settings); !same) {
      return std::unexpected(std::move(same).error());
    }
    return false;
  }
  if (auto done = (*transaction)->commit(); !done) return std::unexpected(std::move(done).error());
  return true;
}

Result<bool> ConsumerGroups::remove(std::string_view name) {
  auto removed = impl_->change(name, [&](StateTransaction& transaction) {
    return subscription::remove_group(transaction, name);
  });
  if (!removed && removed.error().code == ErrorCode::NotFound) return false;
  return removed;
}

Result<std::unique_ptr<GroupMember>> ConsumerGroups::join(std::string_view name,
                                                          std::string_view member) {
  if (auto valid = validate_consumer_group_member(member); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  return impl_->join(name, member);
}

Result<std::vector<ConsumerGroupStatus>> ConsumerGroups::list() {
  auto transaction = impl_->begin_read();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  const auto names = subscription::group_names(**transaction);
  if (!names) return std::unexpected(names.error());
  std::vector<ConsumerGroupStatus> groups;
  for (const auto& name : *names) {
    auto status = impl_->status(**transaction, name);
    if (!status) return std::unexpected(std::move(status).error());
    groups.push_back(*std::move(status));
  }
  return groups;
}

Result<ConsumerGroupStatus> ConsumerGroups::status(std::string_view name) {
  auto transaction = impl_->begin_read();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  return impl_->status(**transaction, name);
}

Result<ConsumerGroupSettings> ConsumerGroups::settings(std::string_view name) {
  auto transaction = impl_->begin_read();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  return Impl::settings_of(**transaction, name);
}

Result<std::vector<ParkedEvent>> ConsumerGroups::parked(std::string_view name, GlobalPosition after,
                                                        std::uint64_t limit) {
  auto transaction = impl_->begin_read();
  if (!transaction) return std::unexpected(std::move(transaction).error());
  const auto found = subscription::find_group(**transaction, name);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::unexpected(not_found(name));
  return subscription::list_parked(**transaction, name, after, limit);
}

Result<std::uint64_t> ConsumerGroups::replay(std::string_view name,
                                             std::span<const GlobalPosition> positions) {
  return impl_->change(name, [&](StateTransaction& transaction) {
    return subscription::mark_replays(transaction, name, positions);
  });
}

Result<std::uint64_t> ConsumerGroups::replay_all(std::string_view name) {
  return impl_->change(name, [&](StateTransaction& transaction) {
    return subscription::mark_all_replays(transaction, name);
  });
}

Result<std::uint64_t> ConsumerGroups::discard(std::string_view name,
                                              std::span<const GlobalPosition> positions) {
  return impl_->change(name, [&](StateTransaction& transaction) -> Result<std::uint64_t> {
    const auto discarded = subscription::discard_parked(transaction, name, positions);
    if (!discarded) return discarded;
    auto noted = subscription::note_parked_change(transaction, name);
    if (!noted) return std::unexpected(std::move(noted).error());
    return discarded;
  });
}

Result<void> ConsumerGroups::resume(std::string_view name) {
  return impl_->change(name, [&](StateTransaction& transaction) {
    return subscription::set_stopped(transaction, name, std::nullopt);
  });
}

}  // namespace eventstore
