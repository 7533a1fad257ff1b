#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/position.hpp"
#include "eventstore/time.hpp"
#include "eventstore/uuid.hpp"

namespace eventstore {

// What the bytes of an event's data are. Metadata is bytes to the store, JSON by custom.
enum class PayloadFormat : std::uint8_t {
  Json = 1,    // validated: one JSON value, UTF-8, or empty
  Binary = 2,  // anything
};

std::string_view to_string(PayloadFormat format);
std::optional<PayloadFormat> parse_payload_format(std::string_view name);

// The category of a stream: the part of its name before the first '-', the whole name without one.
std::string_view category_of(std::string_view stream);

// True for names and types that start with '$': the store's own.
constexpr bool is_system_name(std::string_view name) {
  return name.starts_with('$');
}

// An event to append. Bytes are kept as they are given.
struct NewEvent {
  std::string stream;
  std::string type;
  // Made by the store (version 7) where absent; never nil. Unique within the stream: appending
  // again with the same ids answers with the first outcome.
  std::optional<Uuid> id = {};
  std::string data = {};
  std::string metadata = {};
  std::vector<std::string> tags = {};
  PayloadFormat format = PayloadFormat::Json;
  std::uint32_t schema_version = 1;
  std::optional<Timestamp> occurred_at = {};  // the producer's own time
};

// The tags of an event, in the order they were given, without a copy: a forward range of
// string_view over their stored form (each a u16 length, little-endian, and its bytes).
class TagsView {
 public:
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    std::string_view operator*() const { return {at_ + 2, length()}; }
    Iterator& operator++() {
      at_ += 2 + length();
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    std::size_t length() const {
      return static_cast<std::size_t>(static_cast<unsigned char>(at_[0]) |
                                      static_cast<unsigned char>(at_[1]) << 8);
    }
    const char* at_ = nullptr;
  };

  TagsView() = default;
  // `encoded` must be whole: every length within it. What engines hand out is.
  explicit TagsView(std::string_view encoded) : encoded_(encoded) {}
  Iterator begin() const { return Iterator(std::to_address(encoded_.begin())); }
  Iterator end() const { return Iterator(std::to_address(encoded_.end())); }
  bool empty() const { return encoded_.empty(); }
  std::size_t size() const { return static_cast<std::size_t>(std::distance(begin(), end())); }
  bool contains(std::string_view tag) const;
  // The stored form, to be copied.
  std::string_view encoded() const { return encoded_; }

 private:
  std::string_view encoded_;
};

// A stored event, borrowed: what it points to belongs to the cursor that returned it, until that
// cursor moves on or dies.
struct EventView {
  GlobalPosition position;
  StreamVersion version;
  Uuid id;
  std::string_view stream;
  std::string_view type;
  std::string_view data;
  std::string_view metadata;
  TagsView tags;
  PayloadFormat format = PayloadFormat::Json;
  std::uint32_t schema_version = 1;
  Timestamp recorded_at;
  std::optional<Timestamp> occurred_at;
  bool last_of_append = false;  // the append that wrote it ends here
};

// A stored event, owned.
struct RecordedEvent {
  GlobalPosition position;
  StreamVersion version;
  Uuid id;
  std::string stream;
  std::string type;
  std::string data;
  std::string metadata;
  std::vector<std::string> tags;
  PayloadFormat format = PayloadFormat::Json;
  std::uint32_t schema_version = 1;
  Timestamp recorded_at;
  std::optional<Timestamp> occurred_at;
  bool last_of_append = false;

  explicit RecordedEvent(const EventView& view);
  RecordedEvent() = default;
  friend bool operator==(const RecordedEvent&, const RecordedEvent&) = default;
};

}  // namespace eventstore
