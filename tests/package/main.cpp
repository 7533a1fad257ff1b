// A program outside the project that embeds the store: it appends one event and reads it back.

#include <cstdio>
#include <utility>

#include "eventstore/open.hpp"

namespace {

int fail(const eventstore::Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  auto store = eventstore::open("memory:");
  if (!store) return fail(store.error());

  eventstore::AppendRequest request;
  request.events.push_back({.stream = "permit-1", .type = "Received", .data = R"({"by":"post"})"});
  request.checks.push_back({"permit-1", eventstore::ExpectedVersion::no_stream()});
  const auto appended = (*store)->append(std::move(request));
  if (!appended) return fail(appended.error());

  auto cursor = (*store)->read({.selector = eventstore::SelectStream{"permit-1"}});
  if (!cursor) return fail(cursor.error());
  const auto batch = (*cursor)->next();
  if (!batch) return fail(batch.error());
  if (batch->size() != 1 || batch->front().data != R"({"by":"post"})") return 1;

  std::printf("read back event %llu\n",
              static_cast<unsigned long long>(batch->front().position.value));
  return 0;
}
