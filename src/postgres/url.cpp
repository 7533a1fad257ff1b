#include "postgres/url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include <libpq-fe.h>

#include "core/refusal.hpp"

namespace eventstore::postgres {
namespace {

constexpr std::size_t kSchemaBytesMax = 48;
constexpr std::uint32_t kConnectionsMax = 1000;
constexpr std::uint32_t kPatienceMax = 3600;

bool is_schema_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto fits = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kSchemaBytesMax && is_letter(name.front()) &&
         std::ranges::all_of(name, fits);
}

// Undoes percent-encoding (RFC 3986, section 2.1). Absent where it is broken.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(at + 1, 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || read.ptr != digits.data() + 2) return std::nullopt;
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

Result<void> check_libpq(const std::string& uri) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(uri.c_str(), &error), PQconninfoFree);
  const std::unique_ptr<char, void (*)(void*)> message(error, PQfreemem);
  if (parsed != nullptr) return {};
  std::string text = message != nullptr ? message.get() : "no memory is left";
  while (text.ends_with('\n')) text.pop_back();
  // libpq quotes what it cannot read, which may be a password, or the whole.
  text.resize(std::min(text.find(": \""), text.size()));
  return invalid_argument("the store URL cannot be read: " + text);
}

Result<std::uint32_t> number_of(std::string_view key, const std::string& value,
                                std::uint32_t most) {
  std::uint32_t number = 0;
  const auto* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (read.ec == std::errc{} && read.ptr == end && number > 0 && number <= most) return number;
  return invalid_argument("the store URL's " + std::string(key) + " must be 1 to " +
                          std::to_string(most));
}

Result<void> take(StoreUrl& url, std::string_view key, std::string value) {
  if (key == "schema") {
    if (!is_schema_name(value)) {
      return invalid_argument("the schema " + in_quotes(value) + " of the store URL must be 1 to " +
                              std::to_string(kSchemaBytesMax) +
                              " letters, digits and underscores, and begin with no digit");
    }
    url.schema = std::move(value);
  } else if (key == "listen") {
    if (auto valid = check_libpq(value); !valid) return valid;
    url.listen_uri = std::move(value);
  } else if (key == "pooler") {
    if (value != "transaction" && value != "session" && value != "none") {
      return invalid_argument("the store URL's pooler is " + in_quotes(value) +
                              "; it is none, session or transaction");
    }
    url.pooled = value == "transaction";
  } else if (key == "migrate") {
    if (value != "on" && value != "off") {
      return invalid_argument("the store URL's migrate is " + in_quotes(value) +
                              "; it is on or off");
    }
    url.migrates = value == "on";
  } else {
    const bool is_patience = key == "patience";
    const auto number = number_of(key, value, is_patience ? kPatienceMax : kConnectionsMax);
    if (!number) return std::unexpected(number.error());
    if (is_patience) {
      url.patience = std::chrono::seconds(*number);
    } else {
      url.connections = *number;
    }
  }
  return {};
}

bool is_own(std::string_view key) {
  constexpr std::array<std::string_view, 6> kOwn = {"schema",      "listen",   "pooler",
                                                    "connections", "patience", "migrate"};
  return std::ranges::find(kOwn, key) != kOwn.end();
}

}  // namespace

Result<StoreUrl> parse_store_url(std::string_view url) {
  StoreUrl parsed{.uri = {}, .schema = "eventstore", .listen_uri = {}};
  const auto question = url.find('?');
  parsed.uri = url.substr(0, question);
  auto rest = question == std::string_view::npos ? std::string_view{} : url.substr(question + 1);
  char separator = '?';
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto key = pair.substr(0, pair.find('='));
    if (!is_own(key)) {
      parsed.uri += separator;
      parsed.uri += pair;
      separator = '&';
      continue;
    }
    auto value =
        decoded(pair.size() > key.size() ? pair.substr(key.size() + 1) : std::string_view{});
    if (!value) {
      return invalid_argument("the store URL's " + std::string(key) +
                              " is not percent-encoded as it should be");
    }
    if (auto taken = take(parsed, key, *std::move(value)); !taken) {
      return std::unexpected(std::move(taken).error());
    }
  }
  if (auto valid = check_libpq(parsed.uri); !valid)
    return std::unexpected(std::move(valid).error());
  if (parsed.listen_uri.empty() && !parsed.pooled) parsed.listen_uri = parsed.uri;
  return parsed;
}

std::string libpq_parameter(const std::string& uri, std::string_view keyword) {
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(uri.c_str(), nullptr), PQconninfoFree);
  for (const auto* option = parsed.get(); option != nullptr && option->keyword != nullptr;
       ++option) {
    if (option->keyword == keyword && option->val != nullptr) return option->val;
  }
  return {};
}

std::string quote_identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

}  // namespace eventstore::postgres
