#pragma once

#include <string_view>

#include "postgres/maintenance_session.hpp"

// Taking months out of a store, and back in, as PostgresMaintenance does it.
//
// What is left of a detached month under the names of its tables is the last event of each stream
// in that month, with few columns. So a process that knows nothing of it still finds the versions
// of streams where it looks for them, and is refused what is gone: failure.hpp.
namespace eventstore::postgres {

Result<void> detach_month(MaintenanceSession& session, std::string_view month);
Result<void> attach_month(MaintenanceSession& session, std::string_view month);

}  // namespace eventstore::postgres
