// A process to be killed: projections of a store that another process appends to.
//
//   projection_child URL WORKERS run|rebuild
//
// Runs the Ledger and event-type-count until it is killed, or rebuilds them beside that, again and
// again. Says "working" once they are at work. Ends with code 3 where a projection ends.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include <unistd.h>

#include "eventstore/builtin_projections.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "support/ledger_projection.hpp"

namespace eventstore::test {
namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 3;

int fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return kFailed;
}

int run(std::span<char*> words) {
  if (words.size() != 4) return kUsage;
  const std::string_view url = words[1];
  register_postgres_engine();
  const auto store = open(url, {.read_only = true});
  if (!store) return fail(store.error());
  const auto state = open_state(url);
  if (!state) return fail(state.error());
  Subscriptions subscriptions(**store);
  Projections projections(subscriptions, **state);
  const ProjectionOptions options{
      .workers = static_cast<std::uint32_t>(std::strtoul(words[2], nullptr, 10)),
      .transaction_events_max = 100,
      .lease = std::chrono::milliseconds(100)};
  Ledger ledger;
  const auto counts = make_builtin_projection("event-type-count");
  const auto first = projections.run(ledger, options);
  if (!first) return fail(first.error());
  const auto second = projections.run(*counts, options);
  if (!second) return fail(second.error());
  if (write(STDOUT_FILENO, "working\n", 8) != 8) return kFailed;
  while (std::string_view(words[3]) == "rebuild") {
    for (auto* const projection : {static_cast<Projection*>(&ledger), counts.get()}) {
      const auto rebuilt = projections.rebuild(*projection, {.run = options});
      // One that was killed may still have the lease.
      if (!rebuilt && !rebuilt.error().is_retryable()) return fail(rebuilt.error());
      if (rebuilt && write(STDOUT_FILENO, "rebuilt\n", 8) != 8) return kFailed;
    }
  }
  const auto ended = (*first)->wait(Deadline::max());
  return ended ? kFailed : fail(ended.error());
}

}  // namespace
}  // namespace eventstore::test

int main(int count, char** words) {
  return eventstore::test::run({words, static_cast<std::size_t>(count)});
}
