#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/connection.hpp"
#include "postgres/hosts.hpp"
#include "postgres/libpq_failure.hpp"
#include "postgres/url.hpp"

// How a connection comes to be.
namespace eventstore::postgres {
namespace {

// How long one of several hosts is waited for before it is the next one's turn.
constexpr auto kHostPatience = std::chrono::seconds(3);

constexpr const char* kSetUp =
    "SELECT set_config(s.name, v.value, false) FROM unnest($1::text[], $2::text[]) v(name, value)"
    " JOIN pg_settings s ON s.name = v.name WHERE s.source <> 'client'";

}  // namespace

// Texts are in the server's language, and this warning has no SQLSTATE of its own.
void Connection::take_notice(void* self, const PGresult* notice) {
  const char* function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (function == nullptr || std::string_view(function) != "SyncRepWaitForLSN") return;
  static_cast<Connection*>(self)->unreplicated_ = true;
}

Answer<std::unique_ptr<Connection>> Connection::open(const ConnectionSettings& settings,
                                                     Deadline deadline,
                                                     const std::stop_token& stop) {
  Hosts hosts(settings.uri);
  // libpq waits for one host for as long as it takes: its connect_timeout is of calls that block.
  auto each = Deadline::duration::max();
  if (hosts.size() > 1) {
    const auto left = deadline - std::chrono::steady_clock::now();
    each = std::min<Deadline::duration>(kHostPatience, left / static_cast<int>(hosts.size()));
  }
  // What the URI says comes later, and wins; dbname is where libpq takes a URI.
  std::optional<Failure> refused;  // by the last server that said anything
  for (;;) {
    std::vector<const char*> keys = {"application_name", "dbname", "client_encoding"};
    std::vector<const char*> values = {settings.application_name.c_str(), settings.uri.c_str(),
                                       "UTF8"};
    const auto lists = hosts.lists();
    for (const auto& [keyword, list] : lists) {
      keys.push_back(keyword);
      values.push_back(list.c_str());
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    std::unique_ptr<Connection> made(
        new Connection(PQconnectStartParams(keys.data(), values.data(), /*expand_dbname=*/1),
                       settings.prepares, stop));
    bool is_silent = false;
    auto connected = made->connect(each, deadline, is_silent);
    if (connected) connected = made->set_up(settings, deadline);
    if (connected) return made;
    const auto& failure = connected.error();
    if (failure.kind == Failure::Kind::Refused) refused = failure;
    // What a server has said says more than that another did not answer.
    const bool says_more = failure.kind == Failure::Kind::TimedOut && refused;
    if (!is_silent) return std::unexpected(says_more ? *refused : failure);
    const auto* const tried = made->connection_.get();
    hosts.put_last({.name = PQhost(tried), .port = PQport(tried)});
  }
}

// What came with the connection (the URI's options, or PGOPTIONS) stays as it is.
Answer<void> Connection::set_up(const ConnectionSettings& settings, Deadline deadline) {
  if (settings.session.empty()) return {};
  std::vector<std::string_view> names;
  std::vector<std::string_view> values;
  for (const auto& [name, value] : settings.session) {
    names.push_back(name);
    values.push_back(value);
  }
  auto done = run({.sql = kSetUp,
                   .parameters = std::move(Parameters().text_array(names).text_array(values)),
                   .prepared = false},
                  deadline);
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

// `is_silent`: the host whose turn it was did not answer for as long as `each` has, and there is
// time for another.
Answer<void> Connection::connect(Deadline::duration each, Deadline deadline, bool& is_silent) {
  auto* connection = connection_.get();
  if (connection == nullptr) {
    return std::unexpected(
        Failure{.kind = Failure::Kind::ConnectionLost, .message = "no memory is left"});
  }
  PQsetNoticeReceiver(connection, take_notice, this);
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  auto polled = PGRES_POLLING_WRITING;
  std::string host;
  auto until = deadline;
  while (PQstatus(connection) != CONNECTION_BAD && polled != PGRES_POLLING_OK) {
    if (polled == PGRES_POLLING_FAILED) break;
    auto now_tried = std::string(PQhost(connection)) + ' ' + PQport(connection);
    if (each != Deadline::duration::max() && now_tried != host) {
      host = std::move(now_tried);
      until = std::min(deadline, std::chrono::steady_clock::now() + each);
    }
    if (auto ready = wait(polled == PGRES_POLLING_WRITING, until); !ready) {
      is_silent = until < deadline && ready.error().kind == Failure::Kind::TimedOut &&
                  !stop_.stop_requested();
      // Of hosts before this one.
      auto said = failure_to_connect(PQerrorMessage(connection));
      if (said.kind == Failure::Kind::Refused) return std::unexpected(std::move(said));
      return std::unexpected(Failure{.kind = ready.error().kind,
                                     .message = "the server did not answer a connection in time"});
    }
    polled = PQconnectPoll(connection);
  }
  if (PQstatus(connection) != CONNECTION_OK) {
    auto failure = failure_to_connect(PQerrorMessage(connection));
    // libpq has none, and does not ask the server.
    const bool lacks_password = PQconnectionNeedsPassword(connection) != 0;
    if (lacks_password) {
      failure.kind = Failure::Kind::Refused;
      failure.sqlstate = kInvalidPassword;
    }
    return std::unexpected(std::move(failure));
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection, 1) != 0 || PQenterPipelineMode(connection) != 1) {
    return std::unexpected(lose(one_line(PQerrorMessage(connection))));
  }
  return {};
}

}  // namespace eventstore::postgres
