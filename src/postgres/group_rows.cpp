#include "postgres/group_rows.hpp"

#include <set>

namespace eventstore::postgres {

void GroupRows::add(const PreparedAppend::Event& prepared, bool last_of_append) {
  const auto& event = *prepared.event;
  ids_.push_back(prepared.id);
  formats_.push_back(static_cast<std::int32_t>(event.format));
  schema_versions_.push_back(event.schema_version);
  occurred_at_.push_back(event.occurred_at);
  last_of_append_.push_back(last_of_append);
  streams_.emplace_back(event.stream);
  types_.emplace_back(event.type);
  tags_.emplace_back(prepared.tags);
  metadata_.emplace_back(event.metadata);
  data_.emplace_back(event.data);
  if (prepared.tags.empty()) return;
  const TagsView view(prepared.tags);
  const std::set<std::string_view> each(view.begin(), view.end());
  for (const auto tag : each) {
    tagged_.push_back(ids_.size());
    tag_.push_back(tag);
  }
}

void GroupRows::add_to(Parameters& parameters) const {
  parameters.uuid_array(ids_)
      .int4_array(formats_)
      .int8_array(schema_versions_)
      .timestamptz_array(occurred_at_)
      .boolean_array(last_of_append_)
      .text_array(streams_)
      .text_array(types_)
      .bytea_array(tags_)
      .bytea_array(metadata_)
      .bytea_array(data_);
}

void GroupRows::add_tags_to(Parameters& parameters) const {
  parameters.int8_array(tagged_).text_array(tag_);
}

}  // namespace eventstore::postgres
