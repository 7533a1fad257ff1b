#pragma once

#include <string>
#include <vector>

#include "postgres/maintenance_session.hpp"

// Indexes over the JSON payloads of events: what was asked for once is made in each month.
namespace eventstore::postgres {

// As PostgresMaintenance::add_json_index().
Result<std::vector<std::string>> add_json_index(MaintenanceSession& session,
                                                std::vector<std::string> types);

// Makes those that are asked for and are not there, or are broken; returns the names of all.
Result<std::vector<std::string>> make_json_indexes(MaintenanceSession& session);

// Statements that make the indexes of one new table of events, each with its semicolon.
Answer<std::string> json_index_statements(Connection& connection, const std::string& schema,
                                          const std::string& suffix, Deadline deadline);

}  // namespace eventstore::postgres
