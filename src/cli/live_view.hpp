#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "cli/interrupt.hpp"
#include "cli/session.hpp"

namespace eventstore::cli {

// What is shown anew every second: on a terminal in the place of what was there before; as JSON one
// list that goes on. One thread at a time.
class LiveView {
 public:
  using Objects = std::vector<nlohmann::ordered_json>;

  // As a table of these columns; with none, a line for each field of each object.
  LiveView(Session& session, std::vector<Column> columns);

  // Shows what `look` gives until `interrupt`, until nobody reads any more, or until it fails.
  Outcome run(const Interrupt& interrupt, const std::function<Expected<Objects>()>& look);

 private:
  void show(const Objects& objects);
  void show_table(const Objects& objects);
  std::size_t write_fields(const Objects& objects);

  Session& session_;
  OutputFormat format_;
  std::vector<Column> columns_;
  ObjectList list_;  // of JSON
  std::optional<std::size_t> lines_shown_ = {};
};

// Waits for `time`; until then for `interrupt`.
void wait_for(const Interrupt& interrupt, std::chrono::milliseconds time);

}  // namespace eventstore::cli
