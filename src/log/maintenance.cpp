#include "eventstore/maintenance.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/engine_registry.hpp"
#include "core/posix_environment.hpp"
#include "core/refusal.hpp"
#include "log/repair.hpp"
#include "log/store_url.hpp"

namespace eventstore {

namespace {

Result<std::string> folder_in_files(std::string_view url) {
  if (!log::is_memory_url(url) && !find_engine(url)) return log::folder_of_url(url);
  const auto scheme = std::string(url.substr(0, url.find(':') + 1));
  return invalid_argument("repair is between stores that lie in files, not " + scheme +
                          "; use file:PATH");
}

}  // namespace

Result<RepairReport> repair(std::string_view url, std::string_view from,
                            const RepairOptions& options) {
  auto folder = folder_in_files(url);
  if (!folder) return std::unexpected(std::move(folder).error());
  auto copy = folder_in_files(from);
  if (!copy) return std::unexpected(std::move(copy).error());
  // One that is not there is told of below.
  std::error_code ignored;
  if (*folder == *copy || std::filesystem::equivalent(*folder, *copy, ignored)) {
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
