#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/event_test_support.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {

// Reads `line`; where that gives a valid event, what is written of it must be one line of JSON that
// reads as the same event. `parse` and `write` are those of one text form.
template <typename Parse, typename Write>
void check_round_trip(std::string_view line, Parse&& parse, Write&& write) {
  auto event = parse(line);
  if (!event || !validate(*event)) return;
  // A line without an id is read without one, and an event is stored with one.
  if (!event->id) event->id = Uuid{.bytes = {std::byte{1}}};

  std::string written;  // NOLINT(misc-const-correctness): write() appends to it
  write(written, EventAsStored(*event).view());
  const bool is_line = is_json(written) && written.find_first_of("\r\n") == std::string::npos;
  const auto again = parse(written);
  const auto found = again ? difference(*event, *again) : again.error().message;
  if (is_line && !found) return;
  std::fprintf(stderr, "%s\n  %s\n", written.c_str(),
               found ? found->c_str() : "not a line of JSON");
  std::abort();
}

}  // namespace eventstore
