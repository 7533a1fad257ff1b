#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

namespace eventstore::cli {

// Lays out help for a terminal of 80 columns.
std::shared_ptr<CLI::FormatterBase> help_formatter();

// What is wrong with the arguments that `app` could not parse, and which help has more.
std::string explain_usage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace eventstore::cli
