#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "cli/session.hpp"

namespace eventstore::cli {

// Damage as maint verify and maint repair print it.
nlohmann::ordered_json to_json(const Finding& finding);
nlohmann::ordered_json to_json(const std::vector<Finding>& findings);

// A table of it, behind an empty line; nothing where there is none.
void print_findings(Session& session, const std::vector<Finding>& findings);

}  // namespace eventstore::cli
