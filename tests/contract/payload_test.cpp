#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::test {
namespace {

using std::string_literals::operator""s;

class Payload : public EngineTest {
 protected:
  RecordedEvent stored(NewEvent event) {
    const auto result = value_of(store().append({.events = {std::move(event)}}));
    const auto read = read_events(store(), {.from = result.first_position.value, .limit = 1});
    return read.at(0);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Payload, testing::ValuesIn(all_engines()), engine_name);

std::string every_byte() {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

// Bytes that no compression and no pattern fits.
std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 0x9e3779b97f4a7c15;
  for (char& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

TEST_P(Payload, ComesBackByteForByte) {
  const std::vector<std::string> payloads = {
      "",
      "\0"s,
      "a\0b"s,
      std::string(1000, '\0'),
      every_byte(),
      "\n\r\n",
      "\xff\xfe\xfd",
      "ESF1ESSEGMNT",
      "\xed\xa0\x80",
      noise(7),
      noise(4096),
      noise(std::size_t{1} << 20),
  };
  for (const auto& payload : payloads) {
    const auto event = stored({.stream = "s",
                               .type = "T",
                               .data = payload,
                               .metadata = payload,
                               .format = PayloadFormat::Binary});
    EXPECT_TRUE(event.data == payload) << payload.size() << " bytes of data";
    EXPECT_TRUE(event.metadata == payload) << payload.size() << " bytes of metadata";
  }
}

TEST_P(Payload, OfEverySizeAroundAWordComesBack) {
  for (std::size_t size = 0; size < 40; ++size) {
    const auto event = stored({.stream = "s",
                               .type = std::string(1 + size % 9, 't'),
                               .data = noise(size),
                               .metadata = noise(size / 2),
                               .format = PayloadFormat::Binary});
    EXPECT_EQ(event.data, noise(size));
    EXPECT_EQ(event.metadata, noise(size / 2));
  }
}

TEST_P(Payload, OfJsonKeepsItsSpelling) {
  for (const char* json : {
           R"({"b":1,"a":2,"b":3})",
           " { \"a\" : 1.0 } ",
           "[1e5,100000,1.0e+05]",
           "\"\\u0041\"",
           "\"\\ud800\"",
           "123456789012345678901234567890",
           "-0",
           "null",
           "\n{}\n",
           "\"\xc3\xa9\"",
       }) {
    EXPECT_EQ(stored({.stream = "s", .type = "T", .data = json}).data, json);
  }
}

TEST_P(Payload, MayBeEmptyAsJson) {
  const auto event = stored({.stream = "s", .type = "T"});
  EXPECT_EQ(event.data, "");
  EXPECT_EQ(event.metadata, "");
  EXPECT_EQ(event.format, PayloadFormat::Json);
}

TEST_P(Payload, ThatIsNotTheJsonItSaysIsRefused) {
  for (const auto& data : {
           "{"s,
           "nul"s,
           "{}{}"s,
           "{'a':1}"s,
           "[1,]"s,
           "NaN"s,
           "01"s,
           "\"\x01\""s,
           "\"\xff\""s,
           "\xef\xbb\xbf{}"s,
           " "s,
           "{\"a\":\0}"s,
           "\"\xed\xa0\x80\""s,
           "{\"a\" 1}"s,
       }) {
    EXPECT_EQ(code_of(store().append({.events = {{.stream = "s", .type = "T", .data = data}}})),
              ErrorCode::InvalidArgument)
        << data;
  }
  EXPECT_EQ(value_of(store().head()), GlobalPosition{0});
}

TEST_P(Payload, OfMetadataIsNotValidated) {
  EXPECT_EQ(stored({.stream = "s", .type = "T", .data = "{}", .metadata = "{not json"}).metadata,
            "{not json");
}

TEST_P(Payload, OfAnUnknownFormatIsRefused) {
  NewEvent event = event_of("s");
  event.format = static_cast<PayloadFormat>(77);
  EXPECT_EQ(code_of(store().append({.events = {event}})), ErrorCode::InvalidArgument);
}

TEST_P(Payload, KeepsFormatAndSchemaVersion) {
  const auto json = stored(event_of("s"));
  EXPECT_EQ(json.format, PayloadFormat::Json);
  EXPECT_EQ(json.schema_version, 1u);
  const auto binary = stored(
      {.stream = "s", .type = "T", .format = PayloadFormat::Binary, .schema_version = UINT32_MAX});
  EXPECT_EQ(binary.format, PayloadFormat::Binary);
  EXPECT_EQ(binary.schema_version, UINT32_MAX);
  NewEvent none = event_of("s");
  none.schema_version = 0;
  EXPECT_EQ(code_of(store().append({.events = {none}})), ErrorCode::InvalidArgument);
}

TEST_P(Payload, KeepsWhenItOccurred) {
  EXPECT_FALSE(stored(event_of("s")).occurred_at.has_value());
  for (const char* time :
       {"0000-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z",
        "2010-10-02T07:20:39.266001Z", "9999-12-31T23:59:59.999999Z"}) {
    NewEvent event = event_of("s");
    event.occurred_at = parse_timestamp(time);
    const auto occurred = stored(event).occurred_at;
    ASSERT_TRUE(occurred.has_value()) << time;
    EXPECT_EQ(format_timestamp(*occurred), time);
  }
}

TEST_P(Payload, KeepsTagsInTheirOrderRepeatedOnesToo) {
  const std::vector<std::string> tags = {"b:2", "a:1", "b:2", "\xc3\xa9:\xf0\x9f\x8e\x89",
                                         "-",   " "};
  EXPECT_EQ(stored(tagged_event_of("s", "T", tags)).tags, tags);
}

TEST_P(Payload, KeepsNamesOfEveryScript) {
  for (const char* name : {"\xc3\x9c"
                           "berweisung-1",
                           "\xe6\xb3\xa8\xe6\x96\x87-1", "a/b\\c:d*e?f", "\xf0\x9f\x8e\x89", "..",
                           " lead and trail ", "quote\"s'"}) {
    const auto event = stored(event_of(name, name));
    EXPECT_EQ(event.stream, name);
    EXPECT_EQ(event.type, name);
    EXPECT_EQ(read_stream(store(), name).size(), 1u);
  }
}

}  // namespace
}  // namespace eventstore::test
