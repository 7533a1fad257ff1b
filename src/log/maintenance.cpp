#include "eventstore/maintenance.hpp"

#include <utility>

#include "core/posix_environment.hpp"
#include "log/repair.hpp"
#include "log/store_url.hpp"

namespace eventstore {

Result<RepairReport> repair(std::string_view url, std::string_view from,
                            const RepairOptions& options) {
  auto folder = log::folder_of_url(url);
  if (!folder) return std::unexpected(std::move(folder).error());
  auto copy = log::folder_of_url(from);
  if (!copy) return std::unexpected(std::move(copy).error());
  if (*folder == *copy) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = *folder + " cannot be repaired from itself; name another copy of it"});
  }
  const auto& machine = posix_environment();
  const auto source = log::open_folder_source(*machine.files, *std::move(copy));
  if (!source) return std::unexpected(source.error());
  return log::repair_log(machine, *folder, **source, options);
}

}  // namespace eventstore
