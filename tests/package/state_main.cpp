// A checkpoint of a user's own, in a state database in memory.
#include <chrono>
#include <iostream>

#include "eventstore/checkpoint.hpp"

int main() {
  using namespace eventstore;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  auto state = open_state("memory:");
  if (!state) return std::cerr << state.error().message << '\n', 1;
  auto transaction = (*state)->begin(deadline);
  if (!transaction) return std::cerr << transaction.error().message << '\n', 1;
  const auto stored = store_checkpoint(**transaction, "mine", {}, {7});
  if (!stored || *stored != CheckpointOutcome::Stored) return 1;
  return (*transaction)->commit() ? 0 : 1;
}
