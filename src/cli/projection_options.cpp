#include "cli/projection_options.hpp"

#include <array>

#include <fmt/format.h>
#include <unistd.h>

namespace eventstore::cli {
namespace {

constexpr std::uint64_t kWorkersMax = 64;

std::string_view advice(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "; `event-store projection failures {0}` has more, `event-store projection resume "
             "{0}` "
             "has it tried again";
    case ErrorCode::UnsupportedFormat:
      return ": `event-store projection rebuild {0}`";
    default:
      return "";
  }
}

}  // namespace

void declare_work(CLI::App& command, WorkOptions& options) {
  command
      .add_option("--workers", options.workers,
                  "How many threads apply events, each those of its keys: 1 to 64 (default: 1)")
      ->check(whole_number(kWorkersMax))
      ->check(must_be("1 or more", [](const auto& text) { return text != "0"; }))
      ->type_name("N");
  command
      .add_option("--on-failure", options.on_failure,
                  "What becomes of an event that cannot be applied, after five attempts: the "
                  "projection stops before it; or it is left out, and listed as parked or skipped")
      ->check(CLI::IsMember({"stop", "park", "skip"}).description(""))
      ->type_name("stop|park|skip")
      ->capture_default_str();
}

ProjectionOptions projection_options(const WorkOptions& options) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return {.workers = static_cast<std::uint32_t>(options.workers.value_or(1)),
          .on_failure = *parse_failure_policy(options.on_failure),
          .owner = fmt::format("event-store, process {} on {}", ::getpid(), host.data())};
}

Failure work_failure(const std::string& name, const Error& error) {
  Failure failure(error);
  failure.message += fmt::format(fmt::runtime(advice(error.code)), name);
  if (error.code == ErrorCode::InvalidArgument) {
    // It is of the projection's events, not of how the program was called.
    failure.code = "projection_stopped";
    failure.exit_code = ExitCode::Failed;
  }
  failure.details["projection"] = name;
  return failure;
}

}  // namespace eventstore::cli
