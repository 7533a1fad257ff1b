#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "eventstore/result.hpp"

namespace eventstore::postgres {

// A store's URL, taken apart: what libpq is to have, and what is for this engine.
struct StoreUrl {
  std::string uri;     // without the parameters that are this engine's own
  std::string schema;  // where the store lives; "eventstore" where none is given
  // Where LISTEN has a session of its own; the same as `uri` where the server is connected to
  // directly, another where that is a pooler.
  std::string listen_uri;
  bool pooled = false;            // a pooler may give each transaction another session
  std::uint32_t connections = 8;  // at most so many for reads, at least 1
  // How long the server is waited for, and anything that is asked of it.
  std::chrono::seconds patience{30};
  bool migrates = true;  // opening the store for writing brings its tables to this version
};

// Reads `postgresql://...?schema=NAME&listen=URI&pooler=transaction&connections=N&patience=SECONDS
// &migrate=off`; the engine's own parameters may be given beside those of libpq, in any order.
// Fails with InvalidArgument.
Result<StoreUrl> parse_store_url(std::string_view url);

// What `uri` says of a parameter of libpq's; empty where it says nothing.
std::string libpq_parameter(const std::string& uri, std::string_view keyword);

// A name in double quotes for SQL. Of a checked one: see parse_store_url().
std::string quote_identifier(std::string_view name);

}  // namespace eventstore::postgres
