#include "postgres/maintenance_session.hpp"

#include <utility>

#include "core/posix_environment.hpp"
#include "postgres/migrations.hpp"

namespace eventstore::postgres {
namespace {

constexpr int kServerVersionMin = 140000;
constexpr std::chrono::seconds kPatience{30};

std::vector<SessionSetting> session_of(const StoreUrl& url) {
  if (url.pooled) return {};
  return {{"TimeZone", "UTC"}};
}

}  // namespace

Result<MaintenanceSession> MaintenanceSession::open(const StoreUrl& url) {
  MaintenanceSession session({.connection = {.uri = url.uri,
                                             .prepares = !url.pooled,
                                             .application_name = "event-store maintenance",
                                             .session = session_of(url)},
                              .listening = {},
                              .schema = postgres::quote_identifier(url.schema),
                              .channel_name = {},
                              .channel = {},
                              .environment = posix_environment()});
  auto opened =
      Connection::open(session.settings_.connection, std::chrono::steady_clock::now() + kPatience);
  if (!opened) return std::unexpected(to_error(opened.error()));
  session.connection_ = *std::move(opened);
  if (session.connection_->server_version() < kServerVersionMin) {
    return std::unexpected(
        Error{.code = ErrorCode::Unsupported,
              .message = "the server is PostgreSQL " +
                         std::string(session.connection_->parameter("server_version")) +
                         "; this needs 14 or newer"});
  }
  return session;
}

Result<void> MaintenanceSession::check_schema() {
  const auto state = schema_state(*connection_, schema(), deadline());
  if (!state) return std::unexpected(to_error(state.error()));
  if (state->version == 0) {
    return std::unexpected(
        Error{.code = ErrorCode::NotFound,
              .message = "there is no event store in schema " + schema() + " of the database"});
  }
  const auto newest = all_migrations().back().number;
  if (state->version == newest) return {};
  return std::unexpected(
      Error{.code = ErrorCode::UnsupportedFormat,
            .message = "schema " + schema() + " is at version " + std::to_string(state->version) +
                       ", and this program works with " + std::to_string(newest) +
                       (state->version < newest ? "; migrate it first"
                                                : "; use a newer version of this program")});
}

Result<Rows> MaintenanceSession::run(const char* text, const Parameters& parameters,
                                     std::string_view suffix) {
  const auto sql = fill_in(text, schema(), suffix);
  auto rows =
      connection_->run({.sql = sql, .parameters = parameters, .prepared = false}, deadline());
  if (!rows) return std::unexpected(to_error(rows.error()));
  return *std::move(rows);
}

Result<void> MaintenanceSession::run_script(std::string_view text, std::string_view suffix) {
  auto done = connection_->run_script(fill_in(text, schema(), suffix), deadline());
  if (!done) return std::unexpected(to_error(done.error()));
  return {};
}

Result<PostgresMigration> migrate_store(MaintenanceSession& session) {
  const auto before =
      schema_state(session.connection(), session.schema(), MaintenanceSession::deadline());
  if (!before) return std::unexpected(to_error(before.error()));
  if (before->has_other_tables) {
    return std::unexpected(Error{.code = ErrorCode::NotAStore,
                                 .message = "schema " + session.schema() +
                                            " has tables that are no event store; choose another"});
  }
  const auto newest = all_migrations().back().number;
  if (before->version > newest) {
    if (auto checked = session.check_schema(); !checked) {
      return std::unexpected(std::move(checked).error());
    }
  }
  const auto done =
      migrate(session.connection(), session.settings(), MaintenanceSession::deadline());
  if (!done) return std::unexpected(to_error(done.error()));
  return PostgresMigration{.from = before->version, .to = newest};
}

}  // namespace eventstore::postgres
