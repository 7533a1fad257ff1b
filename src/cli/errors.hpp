#pragma once

#include <expected>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "eventstore/error.hpp"

namespace eventstore::cli {

enum class ExitCode : int { Done = 0, Failed = 1, Usage = 2, Conflict = 3 };

// Why a command ended without doing its work: what the user is told, and the exit code.
struct Failure {
  std::string code;  // snake_case: an ErrorCode's name, or the CLI's own ("usage", "bad_input")
  std::string message;
  nlohmann::ordered_json details = nlohmann::ordered_json::object();
  ExitCode exit_code = ExitCode::Failed;

  Failure() = default;
  Failure(std::string code, std::string message);
  // Implicit, so that a library's Result passes through: std::unexpected(std::move(x).error()).
  Failure(Error error);  // NOLINT(google-explicit-constructor)
};

// `what` was refused by the operating system: "cannot open FILE: No such file or directory".
Failure io_failure(std::string_view what, int error_number);

// What fails for the way the program was called: nothing was done.
Failure usage_failure(std::string message);

// What a command returns. An exit code other than Done says what its output already said, such as
// Failed after a verification that listed its findings.
using Outcome = std::expected<ExitCode, Failure>;

// What fails as a command does.
template <typename T>
using Expected = std::expected<T, Failure>;

// The typed details of an error, as JSON: {} where it has none.
nlohmann::ordered_json details_json(const Error& error);

// The sentence for standard error, or with `as_json` {"error":{"code","message","details"}}; with a
// line break. Control characters are escaped.
std::string format_failure(const Failure& failure, bool as_json);

// The same for what an operator should know and what does not end the command:
// "event-store: warning: ...", or {"notice":{"level","message"}}.
std::string format_notice(std::string_view level, std::string_view message, bool as_json);

}  // namespace eventstore::cli
