#include "cli/errors.hpp"

#include <system_error>
#include <utility>
#include <variant>

#include "cli/terminal_text.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

struct DetailsToJson {
  ordered_json operator()(const std::monostate&) const { return ordered_json::object(); }
  ordered_json operator()(const VersionConflict& conflict) const {
    return {{"stream", conflict.stream},
            {"expected", conflict.expected},
            {"actual", conflict.actual.value}};
  }
  ordered_json operator()(const ConditionConflict& conflict) const {
    return {{"position", conflict.position.value}};
  }
  ordered_json operator()(const IdConflict& conflict) const {
    return {{"stream", conflict.stream},
            {"id", conflict.id.to_string()},
            {"position", conflict.position.value}};
  }
  ordered_json operator()(const DeletedStream& deleted) const {
    return {{"stream", deleted.stream}};
  }
  ordered_json operator()(const LimitDetails& limit) const {
    return {{"limit", limit.limit}, {"actual", limit.actual}, {"allowed", limit.allowed}};
  }
  ordered_json operator()(const DamageDetails& damage) const {
    return {{"file", damage.file},
            {"offset", damage.offset},
            {"first_position", damage.first_position.value},
            {"last_position", damage.last_position.value}};
  }
};

// What to do about an error, where its own words do not say it.
std::string_view advice(ErrorCode code, std::string_view message) {
  switch (code) {
    case ErrorCode::NoSpace:
      return "; make room (on the disk, in the quota or the file-size limit) and run it again";
    case ErrorCode::OutOfResources:
      return "; raise the limit of open files (ulimit -n) or end what takes the memory, and run it "
             "again";
    case ErrorCode::OutcomeUnknown:
      return "; run it again with the same ids to find out: what is there is not added twice";
    case ErrorCode::Corruption:
      return "; `event-store maint verify` lists all that is affected";
    case ErrorCode::Unavailable:
      // The server was reached, and says what it wants.
      if (message.contains("(SQLSTATE 28") || message.contains("(SQLSTATE 3D")) return "";
      return "; run it again when the server that --store or EVENT_STORE_URL names can be reached";
    case ErrorCode::Archived:
      return "; `event-store maint partition --attach MONTH` brings a month back";
    case ErrorCode::UnsupportedFormat:
      return message.ends_with("migrate it first") ? ": `event-store maint migrate`" : "";
    default:
      return "";
  }
}

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::WrongExpectedVersion:
    case ErrorCode::AppendConditionFailed:
    case ErrorCode::EventIdConflict:
    case ErrorCode::StreamDeleted:
      return ExitCode::Conflict;
    case ErrorCode::InvalidArgument:
    case ErrorCode::LimitExceeded:
      return ExitCode::Usage;
    default:
      return ExitCode::Failed;
  }
}

}  // namespace

Failure::Failure(std::string name, std::string sentence)
    : code(std::move(name)), message(std::move(sentence)) {}

Failure::Failure(Error error)
    : code(to_string(error.code)),
      message(std::move(error.message)),
      details(details_json(error)),
      exit_code(exit_code_of(error.code)) {
  message += advice(error.code, message);
}

Failure io_failure(std::string_view what, int error_number) {
  return {"io", std::string(what) + ": " + std::generic_category().message(error_number)};
}

Failure usage_failure(std::string message) {
  Failure failure("usage", std::move(message));
  failure.exit_code = ExitCode::Usage;
  return failure;
}

nlohmann::ordered_json details_json(const Error& error) {
  return std::visit(DetailsToJson{}, error.details);
}

std::string format_failure(const Failure& failure, bool as_json) {
  if (!as_json) return "event-store: " + escape_for_terminal(failure.message) + '\n';
  const ordered_json object = {
      {"error",
       {{"code", failure.code}, {"message", failure.message}, {"details", failure.details}}}};
  const auto text = object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return escape_json_for_terminal(text) + '\n';
}

std::string format_notice(std::string_view level, std::string_view message, bool as_json) {
  if (!as_json) {
    return "event-store: " + std::string(level) + ": " + escape_for_terminal(message) + '\n';
  }
  const ordered_json object = {{"notice", {{"level", level}, {"message", message}}}};
  const auto text = object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return escape_json_for_terminal(text) + '\n';
}

}  // namespace eventstore::cli
