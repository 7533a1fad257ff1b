#include "projection/state_names.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace eventstore {
namespace {

template <typename T>
struct Named {
  T value;
  std::string_view name;
};

constexpr auto kPolicies = std::to_array<Named<FailurePolicy>>({
    {FailurePolicy::Stop, "stop"},
    {FailurePolicy::Park, "park"},
    {FailurePolicy::Skip, "skip"},
});
constexpr auto kFailureStates = std::to_array<Named<FailureState>>({
    {FailureState::Retrying, "retrying"},
    {FailureState::Recovered, "recovered"},
    {FailureState::Parked, "parked"},
    {FailureState::Skipped, "skipped"},
    {FailureState::Stopped, "stopped"},
});
constexpr auto kProjectionStates = std::to_array<Named<ProjectionState>>({
    {ProjectionState::Running, "running"},
    {ProjectionState::Stopped, "stopped"},
    {ProjectionState::Paused, "paused"},
    {ProjectionState::Failed, "failed"},
});

template <typename T>
std::string_view name_of(std::span<const Named<T>> all, T value) {
  return std::ranges::find(all, value, &Named<T>::value)->name;
}

template <typename T>
std::optional<T> parse(std::span<const Named<T>> all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Named<T>::name);
  if (found == all.end()) return std::nullopt;
  return found->value;
}

}  // namespace

std::string_view to_string(FailurePolicy policy) {
  return name_of<FailurePolicy>(kPolicies, policy);
}

std::optional<FailurePolicy> parse_failure_policy(std::string_view name) {
  return parse<FailurePolicy>(kPolicies, name);
}

std::string_view to_string(FailureState state) {
  return name_of<FailureState>(kFailureStates, state);
}

std::string_view to_string(ProjectionState state) {
  return name_of<ProjectionState>(kProjectionStates, state);
}

namespace projection {

std::optional<FailureState> parse_failure_state(std::string_view name) {
  return parse<FailureState>(kFailureStates, name);
}

}  // namespace projection
}  // namespace eventstore
