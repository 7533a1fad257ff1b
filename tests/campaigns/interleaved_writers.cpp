#include "campaigns/interleaved_writers.hpp"

#include <array>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "campaigns/postgres_servers.hpp"
#include "campaigns/violation.hpp"
#include "eventstore/open.hpp"
#include "eventstore/postgres.hpp"
#include "postgres/self_test_log.hpp"
#include "support/postgres_server.hpp"
#include "support/store_access.hpp"

namespace eventstore::test {
namespace {

using postgres::Call;

// A schema that goes with the object.
class OwnSchema {
 public:
  OwnSchema() : name_(random_name("interleaved_")), connection_(connect_to(postgres_url())) {}
  ~OwnSchema() {
    static_cast<void>(
        connection_->run_script("DROP SCHEMA IF EXISTS " + name_ + " CASCADE", soon()));
  }
  OwnSchema(const OwnSchema&) = delete;
  OwnSchema& operator=(const OwnSchema&) = delete;

  const std::string& name() const { return name_; }
  postgres::Connection& connection() const { return *connection_; }

 private:
  const std::string name_;
  const std::unique_ptr<postgres::Connection> connection_;
};

class StoreWriters final : public InterleavedWriters {
 public:
  StoreWriters(const Interleavings& interleavings, bool plain) : plain_(plain) {
    register_postgres_engine();
    for (std::size_t writer = 0; writer < stores_.size(); ++writer) {
      stores_.at(writer) = value_of(open(interleavings.uri(writer) + "&schema=" + schema_.name()));
    }
    reader_ = value_of(open(postgres_url() + "?schema=" + schema_.name(), {.read_only = true}));
  }
  ~StoreWriters() override {
    for (auto& store : stores_) store.reset();
    reader_.reset();
  }
  StoreWriters(const StoreWriters&) = delete;
  StoreWriters& operator=(const StoreWriters&) = delete;

  // Two events, so that an append that shows in part would be seen.
  void append(std::size_t writer) override {
    const auto number = ++appends_;
    const auto stream = "s-" + std::to_string(number);
    AppendRequest request;
    for (std::uint64_t event = 1; event <= 2; ++event) {
      request.events.push_back(event_of(stream, "Happened", id_of(2 * number + event)));
    }
    request.checks = {{.stream = stream, .expected = ExpectedVersion::no_stream()}};
    if (!plain_) request.condition = AppendCondition{Query::of({{.types = {"Forbidden"}}}), {0}};
    const auto result = stores_.at(writer)->append(request);
    if (!result) throw Violation{result.error().message};
    if (result->repeated) throw Violation{"an append was taken for a repetition of itself"};
  }

  void look() override {
    const auto cursor =
        value_of(reader_->read({.from = seen_.last().value + 1, .include_system = true}));
    bool is_whole = true;
    for (auto batch = value_of(cursor->next()); !batch.empty(); batch = value_of(cursor->next())) {
      for (const auto& event : batch) {
        if (const auto wrong = seen_.take(event.position, postgres::digest_of(event))) {
          throw Violation{"a reader: " + *wrong};
        }
        is_whole = event.last_of_append;
      }
    }
    if (!is_whole) throw Violation{"a reader saw an append in part"};
    postgres::SeenLog all;
    const auto again = value_of(reader_->read({.include_system = true}));
    for (auto batch = value_of(again->next()); !batch.empty(); batch = value_of(again->next())) {
      for (const auto& event : batch) {
        static_cast<void>(all.take(event.position, postgres::digest_of(event)));
      }
    }
    if (const auto differs = seen_.difference_from(all)) {
      throw Violation{"a reader, against the log: " + *differs};
    }
  }

 private:
  const bool plain_;
  const OwnSchema schema_;
  std::array<std::unique_ptr<EventStore>, Interleavings::kWriters> stores_;
  std::unique_ptr<EventStore> reader_;
  std::atomic<std::uint64_t> appends_ = 0;
  postgres::SeenLog seen_;
};

// Positions from a sequence, drawn before the lock is there or without one, and a reader that goes
// on behind the greatest that it saw.
class WrongWriters final : public InterleavedWriters {
 public:
  WrongWriters(const Interleavings& interleavings, Plant plant)
      : takes_lock_(plant == Plant::PositionBeforeLock),
        draw_("SELECT nextval('" + schema_.name() + ".positions')"),
        insert_("INSERT INTO " + schema_.name() + ".log SELECT currval('" + schema_.name() +
                ".positions')"),
        read_("SELECT position FROM " + schema_.name() +
              ".log WHERE position > $1::bigint ORDER BY position") {
    run_sql(schema_.connection(), "CREATE SCHEMA " + schema_.name() + "; CREATE SEQUENCE " +
                                      schema_.name() + ".positions; CREATE TABLE " +
                                      schema_.name() + ".log (position bigint PRIMARY KEY)");
    for (std::size_t writer = 0; writer < uris_.size(); ++writer) {
      uris_.at(writer) = interleavings.uri(writer);
    }
  }

  void append(std::size_t writer) override {
    auto& connection = connections_.at(writer);
    const auto deadline = soon();
    while (std::chrono::steady_clock::now() < deadline) {
      if (connection == nullptr || connection->is_lost()) connection = connect_to(uris_.at(writer));
      std::vector<Call> calls = {{.sql = "BEGIN"}, {.sql = draw_}};
      if (takes_lock_) calls.push_back({.sql = "SELECT pg_advisory_xact_lock(7)"});
      calls.push_back({.sql = insert_});
      calls.push_back({.sql = "COMMIT"});
      if (connection->run(calls, deadline)) return;
    }
    throw Violation{"a raw append does not come to an end"};
  }

  void look() override {
    const auto rows = schema_.connection().run(
        {.sql = read_, .parameters = postgres::Parameters().int8(seen_.last().value)}, soon());
    if (!rows) throw Violation{rows.error().message};
    for (int row = 0; row < rows->size(); ++row) {
      if (const auto wrong = seen_.take({rows->int8(row, 0)}, 0)) {
        throw Violation{"a reader: " + *wrong};
      }
    }
  }

 private:
  const OwnSchema schema_;
  const bool takes_lock_;
  const std::string draw_;
  const std::string insert_;
  const std::string read_;
  std::array<std::string, Interleavings::kWriters> uris_;
  std::array<std::unique_ptr<postgres::Connection>, Interleavings::kWriters> connections_;
  postgres::SeenLog seen_;
};

}  // namespace

std::unique_ptr<InterleavedWriters> make_store_writers(const Interleavings& interleavings,
                                                       bool plain) {
  return std::make_unique<StoreWriters>(interleavings, plain);
}

std::unique_ptr<InterleavedWriters> make_wrong_writers(const Interleavings& interleavings,
                                                       Plant plant) {
  return std::make_unique<WrongWriters>(interleavings, plant);
}

}  // namespace eventstore::test
