#include <utility>

#include "core/mapped_access.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"
#include "log/log_store.hpp"
#include "log/verify.hpp"

// Stream metadata, and what is asked of the store as a whole.
namespace eventstore::log {
namespace {

constexpr std::string_view kMetadataType = "$metadata";

std::string metadata_stream(std::string_view stream) {
  return "$$" + std::string(stream);
}

}  // namespace

Result<StreamMetadata> LogStore::stream_metadata(std::string_view stream) {
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  auto cursor = read({.selector = SelectStream{metadata_stream(stream)},
                      .direction = Direction::Backwards,
                      .limit = 1});
  if (!cursor) return std::unexpected(std::move(cursor).error());
  const auto events = (*cursor)->next();
  if (!events) return std::unexpected(events.error());
  if (events->empty()) return StreamMetadata{.version = {}, .json = "{}"};
  const auto& event = events->front();
  return StreamMetadata{.version = event.version, .json = std::string(event.data)};
}

Result<StreamVersion> LogStore::set_stream_metadata(std::string_view stream, std::string_view json,
                                                    ExpectedVersion expected) {
  if (auto valid = validate_stream_name(stream); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  if (auto valid = validate_stream_metadata(json); !valid) {
    return std::unexpected(std::move(valid).error());
  }
  const auto name = metadata_stream(stream);
  AppendRequest request{.system = true};
  request.events.push_back(
      {.stream = name, .type = std::string(kMetadataType), .data = std::string(json)});
  request.checks.push_back({.stream = name, .expected = expected});
  const auto appended = append(std::move(request));
  if (!appended) return std::unexpected(appended.error());
  return appended->streams.front().version;
}

Result<StoreStats> LogStore::stats() {
  const MappedAccess access;
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  return count_log(*environment_.files, settings_.folder, *seen, secret_);
}

Result<VerifyReport> LogStore::verify() {
  const MappedAccess access;
  auto seen = snapshot();
  if (!seen) return std::unexpected(std::move(seen).error());
  const auto manifest = follower_ != nullptr ? follower_->manifest() : tail_->manifest();
  return verify_log(*environment_.files, settings_, *seen, manifest);
}

}  // namespace eventstore::log
