#include "cli/findings.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/terminal_text.hpp"

namespace eventstore::cli {
namespace {

using nlohmann::ordered_json;

// The first names, and how many more there are.
std::string in_short(const std::optional<AffectedStreams>& streams) {
  constexpr std::size_t kNames = 3;
  if (!streams) return "unknown";
  const auto shown = std::min(streams->names.size(), kNames);
  auto text = fmt::format(
      "{}", fmt::join(streams->names.begin(),
                      streams->names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (streams->count > shown) text += fmt::format(" and {} more", streams->count - shown);
  return text.empty() ? "none" : text;
}

}  // namespace

ordered_json to_json(const Finding& finding) {
  ordered_json object{{"message", finding.message},
                      {"file", finding.where.file},
                      {"offset", finding.where.offset},
                      {"first_position", finding.where.first_position.value},
                      {"last_position", finding.where.last_position.value},
                      {"stream_count", nullptr},
                      {"streams", nullptr}};
  if (finding.streams) {
    object["stream_count"] = finding.streams->count;
    object["streams"] = finding.streams->names;
  }
  return object;
}

ordered_json to_json(const std::vector<Finding>& findings) {
  auto array = ordered_json::array();
  for (const auto& finding : findings) array.push_back(to_json(finding));
  return array;
}

void print_findings(Session& session, const std::vector<Finding>& findings) {
  for (const auto& finding : findings) {
    session.output.write(fmt::format("\n{}\n  streams: {}\n", escape_for_terminal(finding.message),
                                     escape_for_terminal(in_short(finding.streams))));
  }
}

}  // namespace eventstore::cli
