#include "generated_events.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include "core/codec.hpp"
#include "core/seeded_random.hpp"

namespace eventstore::bench {
namespace {

using std::chrono::microseconds;

constexpr std::array<std::string_view, EventGenerator::kTypes + 1> kTypeNames = {
    "OrderPlaced",  "OrderConfirmed", "PaymentReceived", "ItemPicked",
    "ItemPacked",   "OrderShipped",   "OrderDelivered",  "OrderReturned",
    "RefundIssued", "OrderClosed",    "OrderAudited"};

// 2026-01-01T00:00:00Z, and an event every 25 milliseconds from then on.
constexpr Timestamp kFirstTime{microseconds{1'767'225'600'000'000}};
constexpr microseconds kBetweenEvents{25'000};

// A good word out of any counter.
std::uint64_t mix(std::uint64_t value) {
  return mix_bits(value + 0x9e3779b97f4a7c15U);
}

// Characters that stand for themselves in JSON, six bits each: ten in a word.
constexpr std::string_view kLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -";
static_assert(kLetters.size() == 64);
constexpr std::size_t kLettersInWord = 10;

void append_text(std::string& out, std::size_t bytes, std::uint64_t seed) {
  auto at = out.size();
  out.resize(at + bytes);
  for (std::uint64_t word = mix(seed); at < out.size(); word = mix(word)) {
    const auto end = std::min(out.size(), at + kLettersInWord);
    for (auto bits = word; at < end; bits >>= 6) out[at++] = kLetters[bits % kLetters.size()];
  }
}

constexpr std::string_view kTail = "\"}";

// JSON of exactly so many bytes: an object that begins as `head` does if there is room, else a
// string.
void fill_json(std::string& out, std::string_view head, std::size_t bytes, std::uint64_t seed) {
  out.clear();
  if (bytes < 2) {
    out.assign(bytes, '0');
  } else if (bytes < head.size() + kTail.size()) {
    out += '"';
    append_text(out, bytes - 2, seed);
    out += '"';
  } else {
    out += head;
    append_text(out, bytes - head.size() - kTail.size(), seed);
    out += kTail;
  }
}

// A UUID of version 7 at a moment.
Uuid make_id(Timestamp time, std::uint64_t random_a, std::uint64_t random_b) {
  const auto count = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
  const auto high = static_cast<std::uint64_t>(count) << 16 | 0x7000U | (random_a & 0xfffU);
  const auto low = 0x8000'0000'0000'0000U | random_b >> 2;
  Uuid id;
  store_le(id.bytes.data(), std::byteswap(high));
  store_le(id.bytes.data() + 8, std::byteswap(low));
  return id;
}

}  // namespace

EventGenerator::EventGenerator(const EventShape& shape) : shape_(shape) {
  if (shape_.streams == 0) shape_.streams = std::max<std::uint64_t>(shape_.events / 100, 1);
  const auto matches = std::max<std::uint64_t>(shape_.query_matches, 1);
  customers_ = std::max<std::uint64_t>(shape_.events / (kTypes * kRegions * matches), 1);
  rare_every_ = std::max<std::uint64_t>(shape_.events / matches, 2);
}

void EventGenerator::make(std::uint64_t number, NewEvent& event) const {
  const auto random = mix(shape_.seed ^ mix(number));
  const auto time = kFirstTime + kBetweenEvents * static_cast<std::int64_t>(number);
  event.stream.clear();
  fmt::format_to(std::back_inserter(event.stream), "order-{:08}", stream_of(number));
  event.type = kTypeNames[type_of(number)];
  event.tags.resize(2);
  event.tags[0] = region_tag(region_of(number));
  event.tags[1] = customer_tag(customer_of(number));
  event.occurred_at = time;
  event.id.reset();
  if (shape_.ids) event.id = make_id(time, random, mix(random));

  fmt::basic_memory_buffer<char, 128> head;
  fmt::format_to(std::back_inserter(head), R"({{"order":{},"amount":{}.{:02},"note":")",
                 stream_of(number), random % 10'000, random % 100);
  fill_json(event.data, {head.data(), head.size()}, shape_.data_bytes, random);
  head.clear();
  fmt::format_to(std::back_inserter(head), R"({{"user":{},"trace":")", random % 1'000);
  fill_json(event.metadata, {head.data(), head.size()}, shape_.metadata_bytes, ~random);
}

NewEvent EventGenerator::make(std::uint64_t number) const {
  NewEvent event;
  make(number, event);
  return event;
}

// Each turn goes through all streams, and begins with another one.
std::uint64_t EventGenerator::stream_of(std::uint64_t number) const {
  const auto turn = number / shape_.streams;
  return (number + mix(turn) % shape_.streams) % shape_.streams;
}

std::uint64_t EventGenerator::version_of(std::uint64_t number) const {
  return number / shape_.streams + 1;
}

std::uint64_t EventGenerator::number_of(std::uint64_t stream, std::uint64_t version) const {
  const auto turn = version - 1;
  const auto first = stream_of(turn * shape_.streams);
  return turn * shape_.streams + (stream + shape_.streams - first) % shape_.streams;
}

std::uint64_t EventGenerator::type_of(std::uint64_t number) const {
  if (number % rare_every_ == rare_every_ / 2) return kRareType;
  return mix(shape_.seed + number * 4) % kTypes;
}

std::uint64_t EventGenerator::region_of(std::uint64_t number) const {
  return mix(shape_.seed + number * 4 + 1) % kRegions;
}

std::uint64_t EventGenerator::customer_of(std::uint64_t number) const {
  return mix(shape_.seed + number * 4 + 2) % customers_;
}

std::string EventGenerator::stream_name(std::uint64_t stream) {
  return fmt::format("order-{:08}", stream);
}

std::string_view EventGenerator::type_name(std::uint64_t type) {
  return kTypeNames[type];
}

std::string EventGenerator::region_tag(std::uint64_t region) {
  return fmt::format("region:{}", region);
}

std::string EventGenerator::customer_tag(std::uint64_t customer) {
  return fmt::format("customer:{}", customer);
}

std::uint64_t sum_of(std::string_view bytes) {
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) sum += load_le<std::uint64_t>(bytes.data() + at);
  for (; at < bytes.size(); ++at) sum += static_cast<unsigned char>(bytes[at]);
  return sum;
}

}  // namespace eventstore::bench
