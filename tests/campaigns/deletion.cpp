#include "campaigns/deletion.hpp"

namespace eventstore::test {

std::optional<std::string> difference(const Result<StreamChange>& model,
                                      const Result<StreamChange>& actual) {
  const auto describe = [](const Result<StreamChange>& change) {
    if (!change) return std::string(to_string(change.error().code));
    return std::string(change->changed ? "changed" : "unchanged") + " by version " +
           std::to_string(change->version.value) + " at position " +
           std::to_string(change->position.value);
  };
  const auto expected = describe(model);
  const auto got = describe(actual);
  if (expected == got) return std::nullopt;
  return "it should be [" + expected + "] and is [" + got + ']' +
         (actual ? "" : ": " + actual.error().message);
}

AppendRequest appended_since(const Model& before, const Model& after) {
  AppendRequest request{.system = true};
  for (auto index = before.head().value; index < after.head().value; ++index) {
    const auto& event = after.events()[index];
    request.events.push_back({.stream = event.stream, .type = event.type, .data = event.data});
  }
  if (request.events.empty()) request.checks.push_back({.stream = "s0-0"});
  return request;
}

}  // namespace eventstore::test
