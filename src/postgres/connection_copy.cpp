#include <utility>

#include "postgres/cancel.hpp"
#include "postgres/connection.hpp"
#include "postgres/libpq_failure.hpp"

// The calls of Connection that are of a COPY.
namespace eventstore::postgres {
namespace {

constexpr std::size_t kMessageBytesMax = std::size_t{64} << 10;

}  // namespace

Answer<void> Connection::begin_copy(const std::string& sql, Deadline deadline) {
  if (auto left = leave_pipeline(sql, deadline); !left) return left;
  auto result = next_result(deadline);
  if (!result) return std::unexpected(std::move(result).error());
  const Rows taken(*result);
  if (PQresultStatus(*result) == PGRES_COPY_IN) return {};
  auto refused = *result != nullptr ? refusal(*result) : lose("the server began no COPY");
  if (auto rest = take_rest_and_enter_pipeline(deadline); !rest) return rest;
  return std::unexpected(std::move(refused));
}

// Where the server has refused what came before, it takes the rest and says so at the end. In small
// messages, since it counts none that it has not wholly: whoever watches it sees that it goes on.
Answer<void> Connection::put_copy(std::string_view bytes, Deadline deadline) {
  auto* connection = connection_.get();
  while (!bytes.empty()) {
    const auto message = bytes.substr(0, kMessageBytesMax);
    const int put = PQputCopyData(connection, message.data(), static_cast<int>(message.size()));
    if (put < 0) return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    if (put == 1) bytes.remove_prefix(message.size());
    if (put == 1 && !bytes.empty()) continue;
    if (auto flushed = flush(deadline); !flushed) {
      if (flushed.error().kind == Failure::Kind::TimedOut) cancel(connection);
      return flushed;
    }
  }
  return {};
}

Answer<void> Connection::end_copy(Deadline deadline) {
  auto* connection = connection_.get();
  for (;;) {
    const int put = PQputCopyEnd(connection, nullptr);
    if (put < 0) return std::unexpected(lose(one_line(PQerrorMessage(connection))));
    if (auto flushed = flush(deadline); !flushed) return flushed;
    if (put == 1) break;
  }
  auto taken = take_rest_and_enter_pipeline(deadline);
  if (!taken && taken.error().kind == Failure::Kind::TimedOut) cancel(connection);
  return taken;
}

}  // namespace eventstore::postgres
