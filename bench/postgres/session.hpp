#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "harness.hpp"
#include "postgres/connection.hpp"

namespace eventstore::bench {

// What is asked of the server beside the engine. A failure ends the program, as harness.hpp has it.

Deadline patience();

template <typename T>
T must(postgres::Answer<T> answer) {
  if (!answer) fail("PostgreSQL: " + answer.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(answer);
}

std::unique_ptr<postgres::Connection> connect(const std::string& url);

// The first column of the first row, which is text.
std::string ask_for_text(postgres::Connection& connection, const std::string& sql);

// What of the server bears on the results.
std::string describe_server(postgres::Connection& connection);

}  // namespace eventstore::bench
