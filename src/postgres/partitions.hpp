#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eventstore/postgres.hpp"
#include "postgres/maintenance_session.hpp"

namespace eventstore::postgres {

// As PostgresMaintenance has them.
Result<std::vector<PostgresPartition>> list_partitions(MaintenanceSession& session);
Result<std::vector<std::string>> make_partitions(MaintenanceSession& session, std::uint32_t ahead);

}  // namespace eventstore::postgres
