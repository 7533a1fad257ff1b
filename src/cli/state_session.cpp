#include "cli/state_session.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/store_url.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

Failure state_failure(const Session& session, const Error& error, StateAccess access) {
  Failure failure(error);
  const bool is_in_folder = !is_server_url(session.store_url);
  if (is_in_folder && (error.code == ErrorCode::ReadOnly || error.code == ErrorCode::Io)) {
    failure.message += access == StateAccess::Read
                           ? "; to read it SQLite needs to write to the store's folder, where no "
                             "other process has it open"
                           : "; this command needs to write to the store's folder";
  }
  failure.details["store"] = without_passwords(session.store_url);
  return failure;
}

// Absent: there is none.
Expected<std::unique_ptr<StateDatabase>> open_existing(const Session& session) {
  auto state = open_state(session.store_url, {.read_only = true});
  if (state) return *std::move(state);
  if (state.error().code == ErrorCode::NotFound) return nullptr;
  return std::unexpected(state_failure(session, state.error(), StateAccess::Read));
}

}  // namespace

Expected<StateSession> open_state_session(Session& session, StateAccess access) {
  StateSession opened;
  auto store = open_store(session, Access::Read);
  if (!store) return std::unexpected(std::move(store).error());
  opened.store = *std::move(store);
  opened.subscriptions = std::make_unique<Subscriptions>(*opened.store);
  if (auto looked = look_for_state(session, opened, access); !looked) {
    return std::unexpected(std::move(looked).error());
  }
  return opened;
}

Expected<void> look_for_state(Session& session, StateSession& opened, StateAccess access) {
  if (opened.state != nullptr) return {};
  if (access != StateAccess::Make) {
    auto existing = open_existing(session);
    if (!existing) return std::unexpected(std::move(existing).error());
    if (access == StateAccess::Read || *existing == nullptr) {
      opened.state = *std::move(existing);
      return {};
    }
  }
  auto state = open_state(session.store_url);
  if (!state) return std::unexpected(state_failure(session, state.error(), access));
  opened.state = *std::move(state);
  return {};
}

ordered_json seconds_json(std::chrono::microseconds time) {
  constexpr double kMillisecondsPerSecond = 1000;
  using Milliseconds = std::chrono::duration<double, std::milli>;
  return std::round(Milliseconds(time).count()) / kMillisecondsPerSecond;
}

ordered_json time_json(const std::optional<Timestamp>& time) {
  return time ? ordered_json(format_timestamp(*time)) : ordered_json(nullptr);
}

ordered_json text_json(const std::optional<std::string>& text) {
  return text ? ordered_json(*text) : ordered_json(nullptr);
}

}  // namespace eventstore::cli
