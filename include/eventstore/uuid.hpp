#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore {

// A UUID (RFC 9562), its bytes in the order in which they are written.
struct Uuid {
  std::array<std::byte, 16> bytes{};

  // Reads the 36-character form, in either case. Absent where `text` is anything else.
  static std::optional<Uuid> parse(std::string_view text);

  // The canonical lower-case form, 36 characters.
  std::string to_string() const;

  bool is_nil() const { return *this == Uuid{}; }

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace eventstore
