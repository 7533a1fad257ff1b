#include "core/base64.hpp"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace eventstore {
namespace {

std::string base64_of(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

// The examples of RFC 4648, section 10.
TEST(Base64, WritesTheExamplesOfTheStandard) {
  EXPECT_EQ(base64_of(""), "");
  EXPECT_EQ(base64_of("f"), "Zg==");
  EXPECT_EQ(base64_of("fo"), "Zm8=");
  EXPECT_EQ(base64_of("foo"), "Zm9v");
  EXPECT_EQ(base64_of("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_of("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_of("\xfb\xff\xbf"), "+/+/");
}

RC_GTEST_PROP(Base64, ReadsWhatItWrote, (const std::string& bytes)) {
  RC_ASSERT(decode_base64(base64_of(bytes)) == bytes);
}

// Whatever is accepted is what would have been written.
TEST(Base64, AcceptsOneFormOnly) {
  for (int third = 0; third < 256; ++third) {
    for (int fourth = 0; fourth < 256; ++fourth) {
      std::string text = "Zg";
      text += static_cast<char>(third);
      text += static_cast<char>(fourth);
      const auto bytes = decode_base64(text);
      if (bytes) {
        EXPECT_EQ(base64_of(*bytes), text);
      }
    }
  }
}

TEST(Base64, RefusesWhatIsNotStrict) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zm8", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====",
                           "=", "Zm9v ", " Zm9v", "Zm\n9v", "Zm9v\n", "-_-_", "Zm=v", "Zm9vZ"}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

}  // namespace
}  // namespace eventstore
