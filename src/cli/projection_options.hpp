#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/session.hpp"
#include "eventstore/projections.hpp"

namespace eventstore::cli {

// The options of commands that work on projections.
struct WorkOptions {
  std::optional<std::uint64_t> workers = {};
  std::string on_failure = "stop";
};

void declare_work(CLI::App& command, WorkOptions& options);

// As the library takes them.
ProjectionOptions projection_options(const WorkOptions& options);

// What ended the work on the projection `name`, with what can be done about it.
Failure work_failure(const std::string& name, const Error& error);

}  // namespace eventstore::cli
