#include "postgres/copy_in.hpp"

#include <utility>

#include "core/codec.hpp"

namespace eventstore::postgres {
namespace {

constexpr std::size_t kSentAtOnce = std::size_t{64} << 10;
constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr std::int32_t kNullLength = -1;
constexpr std::int16_t kEnd = -1;

}  // namespace

Answer<CopyIn> CopyIn::begin(Connection& connection, const std::string& sql, Deadline deadline) {
  if (auto begun = connection.begin_copy(sql, deadline); !begun) {
    return std::unexpected(std::move(begun).error());
  }
  CopyIn copy(connection, deadline);
  copy.bytes_.reserve(kSentAtOnce * 2);
  copy.bytes_ = kSignature;
  copy.put(std::int32_t{0});  // flags
  copy.put(std::int32_t{0});  // length of more header
  return copy;
}

void CopyIn::text(std::string_view value) {
  put(static_cast<std::int32_t>(value.size()));
  bytes_.append(value);
}

void CopyIn::uuid(const Uuid& value) {
  text(as_chars(value.bytes));
}

void CopyIn::timestamptz(Timestamp value) {
  field(to_wire(value));
}

void CopyIn::null() {
  put(kNullLength);
}

Answer<void> CopyIn::send_when_full() {
  if (bytes_.size() < kSentAtOnce) return {};
  auto sent = connection_->put_copy(bytes_, deadline_);
  bytes_.clear();
  return sent;
}

Answer<void> CopyIn::end() {
  put(kEnd);
  if (auto sent = connection_->put_copy(bytes_, deadline_); !sent) return sent;
  return connection_->end_copy(deadline_);
}

}  // namespace eventstore::postgres
