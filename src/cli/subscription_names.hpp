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

// One of the two may be given, to say which of a group and a checkpoint of the same name is meant.
struct KindOptions {
  bool group = false;
  bool checkpoint = false;
};
void declare_kind(CLI::App& command, KindOptions& options);

// As `subscription status` shows it, without its settings.
nlohmann::ordered_json status_json(const ConsumerGroupStatus& status);

// The same with them.
Expected<nlohmann::ordered_json> status_of_group(const Session& session, ConsumerGroups& groups,
                                                 const std::string& name);

// `status` as it is shown in `format`: for a person without what says nothing.
nlohmann::ordered_json shown(nlohmann::ordered_json status, OutputFormat format);

// What a command changes of one consumer group: `work` is given the groups.
Outcome change_group(Session& session, const std::string& name,
                     const std::function<Outcome(ConsumerGroups&)>& work);

}  // namespace eventstore::cli
