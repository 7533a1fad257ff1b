#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "eventstore/postgres.hpp"
#include "postgres/connection.hpp"
#include "postgres/months.hpp"
#include "postgres/postgres_store.hpp"
#include "postgres/sql_builder.hpp"
#include "postgres/url.hpp"
#include "support/postgres_stores.hpp"
#include "support/store_access.hpp"

namespace eventstore::postgres {

// A store in a schema of its own, whose time is what a test says.
class MonthsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    url_ = test::postgres_store_url(std::string(test->test_suite_name()) + "." + test->name() +
                                    "." + std::to_string(::getpid()));
    schema_ = test::value_of(parse_store_url(url_)).schema;
  }
  void TearDown() override {
    // Its thread makes months, and gives the role rights on them.
    store_.reset();
    if (has_role_) execute("DROP OWNED BY " + role() + "; DROP ROLE " + role());
    maintenance_.reset();
    connection_.reset();
    test::remove_postgres_store(url_);
  }

  PostgresStore& store() { return store_ != nullptr ? *store_ : reopen(); }
  PostgresStore& reopen() { return reopen(url_); }
  PostgresStore& reopen(const std::string& url) {
    store_.reset();
    store_ = open_another(url);
    return *store_;
  }
  std::unique_ptr<PostgresStore> open_another(const std::string& url) {
    return test::value_of(PostgresStore::open(test::value_of(parse_store_url(url)), {},
                                              {.server_time = [this] { return now_.load(); }}));
  }
  PostgresMaintenance& maintenance() {
    if (maintenance_ == nullptr) maintenance_ = test::value_of(PostgresMaintenance::open(url_));
    return *maintenance_;
  }

  // What is appended from now on is recorded in that month, "2031-01".
  void enter(std::string_view month) {
    now_ = Month::parse(month)->begin() + std::chrono::hours(24 * 10);
  }
  AppendResult append(const std::string& stream, const std::string& type = "Happened",
                      std::vector<std::string> tags = {}) {
    AppendRequest request;
    request.events.push_back(test::tagged_event_of(stream, type, std::move(tags)));
    return test::value_of(store().append(std::move(request)));
  }

  Connection& connection() {
    if (connection_ == nullptr) {
      auto opened = Connection::open({.uri = test::value_of(parse_store_url(url_)).uri}, until());
      if (!opened) throw std::runtime_error(opened.error().message);
      connection_ = *std::move(opened);
    }
    return *connection_;
  }
  // The first column of what a statement gives, which is text. "{s}" is the schema.
  std::vector<std::string> query(std::string_view sql) {
    const auto filled = fill_in(sql, postgres::quote_identifier(schema_));
    const auto rows = connection().run({.sql = filled, .prepared = false}, until());
    if (!rows) throw std::runtime_error(rows.error().message);
    std::vector<std::string> values;
    values.reserve(static_cast<std::size_t>(rows->size()));
    for (int row = 0; row < rows->size(); ++row) values.emplace_back(rows->text(row, 0));
    return values;
  }
  void execute(std::string_view script) {
    const auto done =
        connection().run_script(fill_in(script, postgres::quote_identifier(schema_)), until());
    if (!done) throw std::runtime_error(done.error().message);
  }

  std::string role() const { return schema_ + "_role"; }
  void make_role() {
    execute("CREATE ROLE " + role() + " LOGIN");
    has_role_ = true;
  }
  // The store's URL as a role of its own has it, which may do in the schema what `rights` are.
  std::string url_of_role(const std::string& rights) {
    make_role();
    execute("GRANT USAGE ON SCHEMA {s} TO " + role() + "; GRANT " + rights +
            " ON ALL TABLES IN SCHEMA {s} TO " + role());
    return as_role(url_);
  }
  std::string as_role(std::string url) const {
    const auto at = url.find("://") + 3;
    return url.replace(at, url.find('@') - at, role());
  }

  // Waits until a statement that gives one boolean says so.
  void wait_until(std::string_view sql) {
    const auto deadline = until();
    while (query("SELECT (" + std::string(sql) + ")::text").at(0) != "true") {
      if (std::chrono::steady_clock::now() >= deadline) {
        throw std::runtime_error("this never comes to be: " + std::string(sql));
      }
    }
  }

  static Deadline until() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }

  std::string url_;
  std::string schema_;
  std::atomic<Timestamp> now_ = Month{203101}.begin();
  bool has_role_ = false;

 private:
  std::unique_ptr<PostgresStore> store_;
  std::unique_ptr<PostgresMaintenance> maintenance_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace eventstore::postgres
