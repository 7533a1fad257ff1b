#include "log/run_builder.hpp"

#include "log/bounds_lookup.hpp"

namespace eventstore::log {

RunBuilder::RunBuilder(const LogSettings& settings, std::uint64_t secret,
                       GlobalPosition first_position)
    : events_max_(settings.run_events_max), bytes_max_(settings.run_bytes_max), secret_(secret) {
  begin(first_position);
}

void RunBuilder::begin(GlobalPosition first_position) {
  index_ = std::make_shared<MemoryIndex>(secret_);
  current_ = std::make_shared<const Run>(Run{.first_position = first_position, .index = index_});
}

bool RunBuilder::is_full() const {
  return index_->size() >= events_max_ || index_->memory_bytes() >= bytes_max_;
}

void RunBuilder::split(GlobalPosition next) {
  if (next <= current_->first_position) return;
  index_->skip_to(current_->posting_of(next));
  if (on_ended_) {
    on_ended_(*current_, {next.value - 1});
  } else {
    ended_.push_back(current_);
  }
  begin(next);
}

void RunBuilder::add(const FrameScan& scan) {
  for (const auto& scanned : scan.events()) {
    const auto& view = scanned.event.view;
    if (view.position < current_->first_position) continue;
    index_->skip_to(current_->posting_of(view.position));
    MemoryIndex::Batch(*index_).add({.stream = view.stream,
                                     .type = view.type,
                                     .tags = view.tags,
                                     .version = view.version,
                                     .id_hash = hash_id(view.stream, view.id, secret_),
                                     .offset = scanned.offset,
                                     .bounds_of = bounded_stream(scanned.event),
                                     .husk = scanned.event.is_husk()});
  }
  if (is_full()) split(scan.state().next_position);
}

void RunBuilder::add_damage(const Finding& damage) {
  if (damage.where.first_position.value == 0) return;
  auto all = current_->damage ? *current_->damage : std::vector<Finding>();
  if (!all.empty() && all.back().message == damage.message) return;
  all.push_back(damage);
  auto damaged = *current_;
  damaged.damage = std::make_shared<const std::vector<Finding>>(std::move(all));
  current_ = std::make_shared<const Run>(std::move(damaged));
}

}  // namespace eventstore::log
