#pragma once

#include "eventstore/postgres.hpp"
#include "postgres/maintenance_session.hpp"

namespace eventstore::postgres {

// As PostgresMaintenance::table_stats().
Result<PostgresTableStats> table_stats(MaintenanceSession& session);

}  // namespace eventstore::postgres
