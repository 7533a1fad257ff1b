#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "postgres/parameters.hpp"
#include "postgres/prepared_append.hpp"

namespace eventstore::postgres {

// The columns of a group's events that do not depend on what is stored, in their order.
//
// Ownership: borrows the events.
class GroupRows {
 public:
  void add(const PreparedAppend::Event& event, bool last_of_append);

  std::size_t size() const { return ids_.size(); }
  const std::vector<Uuid>& ids() const { return ids_; }

  // id, format, schema version, occurred_at, last of append, stream, type, tags, metadata, data.
  void add_to(Parameters& parameters) const;

  bool has_tags() const { return !tag_.empty(); }
  // The ordinal of the event, from 1; and a tag that it has. Each pair once.
  void add_tags_to(Parameters& parameters) const;

 private:
  std::vector<Uuid> ids_;
  std::vector<std::int32_t> formats_;
  std::vector<std::uint64_t> schema_versions_;
  std::vector<std::optional<Timestamp>> occurred_at_;
  std::vector<bool> last_of_append_;
  std::vector<std::string_view> streams_;
  std::vector<std::string_view> types_;
  std::vector<std::string_view> tags_;
  std::vector<std::string_view> metadata_;
  std::vector<std::string_view> data_;
  std::vector<std::uint64_t> tagged_;
  std::vector<std::string_view> tag_;
};

}  // namespace eventstore::postgres
