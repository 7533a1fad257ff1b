#pragma once

#include <string>
#include <vector>

#include "cli/session.hpp"
#include "cli/state_session.hpp"
#include "eventstore/consumer_group.hpp"

namespace eventstore::cli {

// The argument NAME: a consumer group.
void declare_group(CLI::App& command, std::string& name);

// The failure of a command that is about what is not there; `kind` is such as "consumer group".
Failure no_such_subscription(const Session& session, std::string_view kind,
                             const std::string& name);

// That of consumer groups, which says it so where there is no such one.
Failure group_failure(const Session& session, const std::string& name, const Error& error);

// As `subscription status` shows it.
nlohmann::ordered_json status_json(const ConsumerGroupStatus& status);

// What a command changes of one consumer group: `work` is given the groups.
Outcome change_group(Session& session, const std::string& name,
                     const std::function<Outcome(ConsumerGroups&)>& work);

}  // namespace eventstore::cli
