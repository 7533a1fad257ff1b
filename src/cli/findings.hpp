#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "cli/session.hpp"

namespace eventstore::cli {

// Damage as maint verify and maint repair print it.
nlohmann::ordered_json to_json(const Finding& finding);
nlohmann::ordered_json to_json(const std::vector<Finding>& findings);

// A paragraph for each: whole sentences, which a column of a table would not hold.
void print_findings(Session& session, const std::vector<Finding>& findings);

}  // namespace eventstore::cli
