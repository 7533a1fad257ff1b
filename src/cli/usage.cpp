#include "cli/usage.hpp"

#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace eventstore::cli {
namespace {

constexpr std::size_t kColumns = 80;

// `text` with more line breaks between its words, so that lines fit into `columns`.
std::string wrapped(std::string text, std::size_t columns) {
  std::size_t line = 0;
  std::size_t space = std::string::npos;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') line = at + 1;
    if (text[at] == ' ') space = at;
    if (at - line < columns || space == std::string::npos || space < line) continue;
    text[space] = '\n';
    line = space + 1;
  }
  return text;
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    return wrapped(app->get_description(), kColumns) + '\n';
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    return wrapped(option->get_description(), kColumns - get_column_width());
  }

  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, command->get_name(),
                             wrapped(command->get_description(), kColumns - get_column_width()),
                             get_column_width());
    return out.str();
  }

  std::string make_footer(const CLI::App* app) const override {
    const auto* const global =
        "Every command also takes --store and --output: see `event-store --help`.\n";
    return wrapped((app->get_parent() == nullptr ? "" : global) + app->get_footer(), kColumns) +
           '\n';
  }
};

std::string names_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const auto* command : commands) names.push_back(command->get_name());
  return fmt::format("{}", fmt::join(names, ", "));
}

// What CLI11 says of an option with too few or too many values, in other words.
std::string explain_values(std::string_view what) {
  const auto name = what.substr(0, what.find(": "));
  if (what.contains("At Most 1 required")) return fmt::format("{} may be given only once", name);
  if (what.ends_with(" missing")) return fmt::format("{} needs a value", name);
  return std::string(what);
}

// `command` is the innermost that was recognised.
std::string find_fault(const CLI::App& app, const CLI::App& command, const CLI::ParseError& error) {
  // First of all: the value of an option that there is not may have been taken for an argument.
  const auto unknown = app.remaining(/*recurse=*/true);
  if (!unknown.empty() && unknown[0].starts_with('-')) {
    return fmt::format("there is no option \"{}\"", unknown[0]);
  }
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (code == CLI::ExitCodes::ArgumentMismatch) return explain_values(error.what());
  if (code != CLI::ExitCodes::RequiredError && code != CLI::ExitCodes::ExtrasError) {
    return error.what();
  }
  const auto commands = command.get_subcommands(nullptr);
  if (!commands.empty()) {
    return fmt::format(
        "no command{}{}; there are {}", unknown.empty() ? "" : " \"" + unknown[0] + '"',
        &command == &app ? "" : " in \"" + command.get_name() + '"', names_of(commands));
  }
  return unknown.empty() ? error.what() : fmt::format("unexpected argument \"{}\"", unknown[0]);
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() {
  return std::make_shared<HelpFormatter>();
}

std::string explain_usage(const CLI::App& app, const CLI::ParseError& error) {
  const auto* command = &app;
  auto path = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += ' ' + command->get_name();
  }
  return fmt::format("{}; see `{} --help`", find_fault(app, *command, error), path);
}

}  // namespace eventstore::cli
