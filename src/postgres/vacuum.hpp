#pragma once

#include <vector>

#include "eventstore/postgres.hpp"
#include "postgres/maintenance_session.hpp"

namespace eventstore::postgres {

// As PostgresMaintenance::vacuum().
Result<std::vector<PostgresVacuum>> vacuum(MaintenanceSession& session, bool all);

}  // namespace eventstore::postgres
