#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/event_generators_test_support.hpp"
#include "core/event_test_support.hpp"
#include "core/name_uuid.hpp"
#include "eventstore/text.hpp"
#include "eventstore/validate.hpp"

namespace eventstore {
namespace {

constexpr std::string_view kId = "3b89feab-bfc1-5e0f-8b5a-f7195d5138fc";

std::string written(const NewEvent& event) {
  std::string line;
  write_cloud_event(line, EventAsStored(event).view());
  return line;
}

// The line of an event with the attributes that must be there, and `members` more.
std::string line_with(std::string_view members) {
  return R"({"specversion":"1.0","id":"3b89feab-bfc1-5e0f-8b5a-f7195d5138fc","source":"/mail",)"
         R"("type":"com.example.sent")" +
         std::string(members) + "}";
}

NewEvent parsed(std::string_view line) {
  auto event = parse_cloud_event(line);
  EXPECT_TRUE(event) << line << ": " << (event ? "" : event.error().message);
  return event ? *std::move(event) : NewEvent{};
}

std::string refusal(std::string_view line) {
  const auto event = parse_cloud_event(line);
  if (event) return "accepted";
  EXPECT_EQ(event.error().code, ErrorCode::InvalidArgument);
  return event.error().message;
}

TEST(CloudEvents, TakesTheStreamFromStreamSubjectOrSource) {
  EXPECT_EQ(parsed(line_with("")).stream, "/mail");
  EXPECT_EQ(parsed(line_with(R"(,"subject":"box-1")")).stream, "box-1");
  EXPECT_EQ(parsed(line_with(R"(,"stream":"mail-7","subject":"box-1")")).stream, "mail-7");
}

TEST(CloudEvents, KeepsAnIdThatIsAUuid) {
  EXPECT_EQ(parsed(line_with("")).id, Uuid::parse(kId));
  EXPECT_EQ(parsed(line_with("")).metadata, R"({"cloudevents":{"source":"/mail"}})");
}

TEST(CloudEvents, HashesAnyOtherIdWithItsSource) {
  const std::string_view line = R"({"specversion":"1.0","id":"A-1","source":"/mail","type":"t"})";
  const auto event = parsed(line);
  EXPECT_EQ(event.id, uuid_from_bytes_hash("cloudevents", std::string("/mail\0A-1", 9)));
  EXPECT_EQ(event.metadata, R"({"cloudevents":{"id":"A-1","source":"/mail"}})");
  EXPECT_TRUE(written(event).starts_with(R"({"specversion":"1.0","id":"A-1","source":"/mail",)"));
  const auto nil = parsed(
      R"({"specversion":"1.0","id":"00000000-0000-0000-0000-000000000000","source":"/","type":"t"})");
  EXPECT_FALSE(nil.id->is_nil());
}

TEST(CloudEvents, ReadsDataByItsContentType) {
  const auto data_of = [](std::string_view members) {
    const auto event = parsed(line_with(members));
    return std::string(to_string(event.format)) + ' ' + event.data;
  };
  EXPECT_EQ(data_of(""), "json ");
  EXPECT_EQ(data_of(R"(,"data": { "a": 1 } )"), R"(json { "a": 1 })");
  EXPECT_EQ(data_of(R"(,"data":"text")"), R"(json "text")");
  EXPECT_EQ(data_of(R"(,"data":null)"), "json null");
  EXPECT_EQ(data_of(R"(,"datacontenttype":"APPLICATION/X+JSON ; a=b","data":1)"), "json 1");
  EXPECT_EQ(data_of(R"(,"data":"a\nb","datacontenttype":"text/plain")"), "binary a\nb");
  EXPECT_EQ(data_of(R"(,"data":{"a":1},"datacontenttype":"text/plain")"), R"(binary {"a":1})");
  EXPECT_EQ(data_of(R"(,"data":null,"datacontenttype":"text/plain")"), "binary ");
  EXPECT_EQ(data_of(R"(,"data_base64":"eA==")"), "binary x");
  EXPECT_EQ(data_of(R"(,"data_base64":"MQ==","datacontenttype":"application/json")"), "json 1");
}

TEST(CloudEvents, ReadsTheAttributesOfItsOwn) {
  const auto event = parsed(line_with(
      R"(,"time":"2018-04-05T17:31:00Z","tags":"[\"a,b\",\"c\"]","schemaversion":3,"metadata":"m",)"
      R"("globalposition":"9","streamversion":"1","recordedtime":"2018-04-05T17:31:00Z")"));
  EXPECT_EQ(event.tags, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(event.schema_version, 3U);
  EXPECT_EQ(event.metadata, "m");
  EXPECT_EQ(event.occurred_at, parse_timestamp("2018-04-05T17:31:00Z"));
  EXPECT_EQ(parsed(line_with(R"(,"schemaversion":"4294967295")")).schema_version, 4294967295U);
  EXPECT_EQ(parsed(line_with(R"(,"tags":" a, b ,c")")).tags,
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(parsed(line_with(R"(,"tags":"")")).tags.empty());
  EXPECT_EQ(parsed(line_with(R"(,"metadatabase64":"/w==")")).metadata, "\xff");
}

// What a foreign producer wrote comes back, with the store's own attributes added.
TEST(CloudEvents, GivesForeignAttributesBack) {
  const auto event = parsed(
      R"({"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","subject":"s-1",)"
      R"("id":"C234-1234-1234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value",)"
      R"("comexampleothervalue":5,"flag":true,"unset":null,"dataschema":"urn:x",)"
      R"("datacontenttype":"text/xml","data":"<much wow=\"xml\"/>"})");
  EXPECT_EQ(
      written(event),
      R"({"specversion":"1.0","id":"C234-1234-1234","source":"/mycontext",)"
      R"("type":"com.example.someevent","subject":"s-1","time":"2018-04-05T17:31:00.000000Z",)"
      R"("dataschema":"urn:x","datacontenttype":"text/xml","stream":"s-1",)"
      R"("comexampleextension1":"value","comexampleothervalue":5,"flag":true,)"
      R"("data":"<much wow=\"xml\"/>"})");
}

TEST(CloudEvents, WritesAnEventThatHasNothingToDoWithThem) {
  const NewEvent event{.stream = "order 1",
                       .type = "Placed",
                       .id = Uuid::parse(kId),
                       .data = R"({"a":1})",
                       .metadata = R"({"user":"u"})",
                       .tags = {"order:1"}};
  EXPECT_EQ(written(event),
            R"({"specversion":"1.0","id":"3b89feab-bfc1-5e0f-8b5a-f7195d5138fc",)"
            R"("source":"/streams/order%201","type":"Placed","datacontenttype":"application/json",)"
            R"("stream":"order 1","tags":"[\"order:1\"]","metadata":"{\"user\":\"u\"}",)"
            R"("data":{"a":1}})");
}

RC_GTEST_PROP(CloudEvents, ReadsWhatItWrote, ()) {
  const auto event = *any_event();
  EventAsStored stored(event);
  stored.view().position = {*rc::gen::arbitrary<std::uint64_t>()};
  stored.view().version = {*rc::gen::arbitrary<std::uint64_t>()};
  std::string line;
  write_cloud_event(line, stored.view());
  RC_ASSERT(is_json(line));
  RC_ASSERT(line.find('\n') == std::string::npos && line.find('\r') == std::string::npos);
  const auto read = parse_cloud_event(line);
  RC_ASSERT(read.has_value());
  RC_ASSERT(difference(*read, event) == std::nullopt);
}

TEST(CloudEvents, NamesTheAttributeThatIsWrong) {
  EXPECT_EQ(refusal("{}"), "attribute \"specversion\" is missing");
  EXPECT_EQ(refusal(R"({"specversion":"0.3"})"), "specversion \"0.3\" is unknown: it is \"1.0\"");
  EXPECT_EQ(refusal(R"({"specversion":"1.0","source":"/","type":"t"})"),
            "attribute \"id\" is missing");
  EXPECT_EQ(refusal(R"({"specversion":"1.0","id":"1","type":"t"})"),
            "attribute \"source\" is missing");
  EXPECT_EQ(refusal(R"({"specversion":"1.0","id":"1","source":"/"})"),
            "attribute \"type\" is missing");
  EXPECT_EQ(refusal(line_with(R"(,"subject":"")")), "subject is empty");
  EXPECT_EQ(refusal(line_with(R"(,"type":"u")")), "attribute \"type\" is there twice");
  EXPECT_EQ(refusal(line_with(R"(,"x":1,"x":null)")), "attribute \"x\" is there twice");
  EXPECT_TRUE(refusal(line_with(R"(,"my_ext":1)")).starts_with("attribute \"my_ext\" is none"));
  EXPECT_TRUE(refusal(line_with(R"(,"x":1.5)")).starts_with("attribute x \"1.5\" is neither"));
  EXPECT_TRUE(refusal(line_with(R"(,"x":{})")).starts_with("attribute x \"{}\" is neither"));
  EXPECT_TRUE(refusal(line_with(R"(,"x":"\ud800")")).starts_with("attribute x \"\\\"\\\\ud800"));
  EXPECT_TRUE(refusal(line_with(R"(,"source2":nul)")).starts_with("attribute source2 \"nul\""));
  EXPECT_TRUE(refusal(line_with(R"(,"time":"now")")).starts_with("time \"now\" is not a time"));
  EXPECT_TRUE(refusal(line_with(R"(,"data_base64":1)")).starts_with("data_base64 \"1\" is not"));
  EXPECT_TRUE(refusal(line_with(R"(,"tags":"[1]")")).starts_with("tags \"1\" is not a string"));
  EXPECT_TRUE(refusal(line_with(R"(,"schemaversion":0)")).starts_with("schemaversion \"0\" is"));
  EXPECT_EQ(refusal(line_with(R"(,"data":1,"data_base64":"")")),
            "data and data_base64 are both there: give one of them");
  EXPECT_EQ(refusal(line_with(R"(,"metadata":"","metadatabase64":"")")),
            "metadata and metadatabase64 are both there: give one of them");
  EXPECT_TRUE(
      refusal(line_with(R"(,"datacontenttype":"a/b","data":[1 2])")).starts_with("data \"[1 2]"));
}

}  // namespace
}  // namespace eventstore
