#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <rapidcheck/gtest.h>

#include "core/json_text.hpp"
#include "core/time_range.hpp"
#include "eventstore/event.hpp"

namespace eventstore {

// Random events that pass validate(), with whatever a text form could stumble over.

inline rc::Gen<std::string> any_name() {
  const auto piece = rc::gen::element<std::string>(
      "a", "Z", "7", "-", "$", " ", "\"", "\\", "/", "{", "\xc3\xa9", "\xe2\x80\xa8",
      "\xf0\x9f\x98\x80", "\xef\xbf\xbf", "\\u0041", "null");
  return rc::gen::map(rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(piece)),
                      [](const std::vector<std::string>& pieces) {
                        std::string name;
                        for (const std::string& part : pieces) {
                          if (name.size() < 200) name += part;
                        }
                        return name;
                      });
}

inline rc::Gen<std::string> any_json(int depth = 3) {
  return rc::gen::exec([depth]() -> std::string {
    const int kind = *rc::gen::inRange(0, depth > 0 ? 5 : 3);
    if (kind == 0) {
      return *rc::gen::element<std::string>("null", "true", "0", "-1.5e300", "1e999", "\"\\ud800\"",
                                            "123456789012345678901234567890", "{}", "[ ]", "\"\"");
    }
    if (kind <= 2) {
      std::string text;
      append_json_string(text, *any_name());
      return text;
    }
    const auto space = *rc::gen::element<std::string>("", "", " ", "\n", "\t\r\n");
    std::string text = kind == 3 ? "[" : "{";
    const int count = *rc::gen::inRange(0, 4);
    for (int index = 0; index < count; ++index) {
      if (index > 0) text += ',';
      text += space;
      if (kind == 4) {
        append_json_string(text, *any_name() + std::to_string(index));
        text.append(space).append(":").append(space);
      }
      text += *any_json(depth - 1);
    }
    return text + space + (kind == 3 ? "]" : "}");
  });
}

// JSON, sometimes with white space around it.
inline rc::Gen<std::string> any_json_text() {
  return rc::gen::exec([]() -> std::string {
    const auto space = rc::gen::element<std::string>("", "", "", " ", "\n", "\t", "\r");
    return *space + *any_json() + *space;
  });
}

// Metadata that an import of CloudEvents could have left, and some that only looks so.
inline rc::Gen<std::string> any_kept_attributes() {
  return rc::gen::exec([]() -> std::string {
    std::string text = R"({"cloudevents":{)";
    const auto members =
        *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
            R"("id":"A-1")", R"("source":"/here")", R"("subject":"s")", R"("dataschema":"urn:x")",
            R"("datacontenttype":"text/plain; charset=utf-8")", R"("datacontenttype":"a/b+json")",
            R"("datacontenttype":"application/json")", R"("comexampleextension1":"v\u0001\n")",
            R"("number":-5)", R"("number":1.5)", R"("flag":true)", R"("type":"t")",
            R"("Upper":"x")", R"("escaped":"\u0041")", R"("empty":"")", R"("id":"")",
            R"("stream":"elsewhere")"));
    for (std::size_t index = 0; index < members.size(); ++index) {
      text += (index == 0 ? "" : ",") + members[index];
    }
    return text + *rc::gen::element<std::string>("}}", "}}", R"(},"user":"u"})", "}", "} }");
  });
}

inline rc::Gen<NewEvent> any_event() {
  return rc::gen::exec([]() -> NewEvent {
    NewEvent event{.stream = *any_name(), .type = *any_name()};
    Uuid id;
    for (auto& byte : id.bytes) byte = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
    if (id.is_nil()) id.bytes[0] = std::byte{1};
    event.id = id;
    event.format = *rc::gen::element(PayloadFormat::Json, PayloadFormat::Binary);
    const auto bytes = rc::gen::arbitrary<std::string>();
    const auto empty = rc::gen::just(std::string());
    event.data = event.format == PayloadFormat::Json
                     ? *rc::gen::weightedOneOf<std::string>({{9, any_json_text()}, {1, empty}})
                     : *rc::gen::oneOf(bytes, any_json_text(), any_name(), empty);
    event.metadata = *rc::gen::oneOf(any_json_text(), any_kept_attributes(), bytes, empty);
    event.tags = *rc::gen::container<std::vector<std::string>>(any_name());
    if (event.tags.size() > 64) event.tags.resize(64);
    event.schema_version = *rc::gen::element<std::uint32_t>(1, 2, 0x7fffffff, 0xffffffff);
    if (*rc::gen::arbitrary<bool>()) {
      event.occurred_at = Timestamp(std::chrono::microseconds(*rc::gen::inRange(
          kTimestampMin.time_since_epoch().count(), kTimestampMax.time_since_epoch().count())));
    }
    return event;
  });
}

}  // namespace eventstore

namespace rc {

// NOLINTNEXTLINE(readability-identifier-naming): RapidCheck looks for this name
inline void showValue(const eventstore::NewEvent& event, std::ostream& out) {
  out << "stream " << event.stream << ", type " << event.type << ", data " << event.data
      << ", metadata " << event.metadata << ", format " << to_string(event.format);
}

}  // namespace rc
