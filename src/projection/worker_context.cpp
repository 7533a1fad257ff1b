#include "projection/worker_context.hpp"

#include <utility>

#include "core/utf8.hpp"
#include "eventstore/limits.hpp"
#include "projection/statement_tables.hpp"

namespace eventstore::projection {
namespace {

constexpr std::size_t kKeyBytesMax = 512;
// Of different texts of a projection that are kept with its tables' names in them.
constexpr std::size_t kStatementsMax = 1000;

}  // namespace

Result<SqlRows> Worker::Context::run(std::string_view sql,
                                     std::span<const SqlParameter> parameters) {
  // One statement is mostly run for many events.
  auto& known = worker_.statements_;
  auto found = known.find(sql);
  if (found == known.end()) {
    auto text = with_tables(sql, worker_.work_.generation.id, worker_.work_.generation.tables);
    if (!text) return std::unexpected(std::move(text).error());
    if (known.size() >= kStatementsMax) known.clear();
    found = known.emplace(std::string(sql), *std::move(text)).first;
  }
  const auto open = transaction();
  if (!open) return std::unexpected(open.error());
  auto rows = (*open)->run(found->second, parameters);
  if (!rows) return std::unexpected(noted(std::move(rows).error()));
  return rows;
}

Result<Document*> Worker::Context::document(std::string_view key) {
  if (auto* const known = worker_.documents_.find(key)) return known;
  if (key.empty() || key.size() > kKeyBytesMax || !is_utf8(key) || key.contains('\0')) {
    return std::unexpected(
        Error{.code = ErrorCode::InvalidArgument,
              .message = "a document's key is 1 to 512 bytes of UTF-8 without NUL"});
  }
  if (auto* const none = worker_.documents_.add_if_none_is_stored(key)) return none;
  const auto open = transaction();
  if (!open) return std::unexpected(open.error());
  auto fetched = worker_.documents_.fetch(**open, key);
  if (!fetched) return std::unexpected(noted(std::move(fetched).error()));
  return fetched;
}

Result<StateTransaction*> Worker::Context::transaction() {
  auto open = worker_.transaction();
  if (!open) return std::unexpected(noted(std::move(open).error().error));
  return *open;
}

Error Worker::Context::noted(Error error) {
  if (error.code != ErrorCode::InvalidArgument) broken_ = error;
  return error;
}

}  // namespace eventstore::projection
