// Follows a store with what the README shows, while events are appended: each is seen once.

#include <cstdlib>
#include <iostream>
#include <stop_token>
#include <streambuf>
#include <string>
#include <thread>
#include <utility>

#include "eventstore/open.hpp"
#include "follow.inc"

namespace {

constexpr int kEvents = 1000;

// Keeps what is printed, and asks to stop once there is a line for each event.
class Seen : public std::streambuf {
 public:
  std::string text;
  std::stop_source stop;

 private:
  int_type overflow(int_type character) override {
    text += traits_type::to_char_type(character);
    if (character == '\n' && ++lines_ == kEvents) stop.request_stop();
    return character;
  }
  int lines_ = 0;
};

}  // namespace

int main() {
  auto store = eventstore::open("memory:");
  if (!store) return 1;
  std::string expected;
  for (int n = 1; n <= kEvents; ++n) expected += std::to_string(n) + " Received\n";

  const std::jthread appender([&] {
    for (int n = 1; n <= kEvents; ++n) {
      eventstore::AppendRequest request;
      request.events.push_back({.stream = "permit-1", .type = "Received"});
      if (!(*store)->append(std::move(request))) std::_Exit(1);
    }
  });
  Seen seen;
  auto* const before = std::cout.rdbuf(&seen);
  follow(**store, seen.stop.get_token());
  std::cout.rdbuf(before);
  return seen.text == expected ? 0 : 1;
}
