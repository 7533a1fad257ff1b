#include "projection/statement_tables.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/engines.hpp"

namespace eventstore::projection {
namespace {

const std::vector<std::string> kTables = {"permits", "notes"};

TEST(TablesInAStatement, AreThoseOfItsGeneration) {
  EXPECT_EQ(test::value_of(with_tables(
                "INSERT INTO {permits} (id) SELECT n FROM {notes} permits WHERE permits.n > $1", 7,
                kTables)),
            "INSERT INTO projection_7_permits (id) SELECT n FROM projection_7_notes permits WHERE"
            " permits.n > $1");
  EXPECT_EQ(test::code_of(with_tables("SELECT 1 FROM {others}", 7, kTables)),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(test::code_of(with_tables("SELECT 1 FROM {permits", 7, kTables)),
            ErrorCode::InvalidArgument);
}

// Else a rebuild would read, or write to, what is shown at the moment.
TEST(TablesInAStatement, AreRefusedWithoutBraces) {
  for (const std::string_view sql : {
           "INSERT INTO permits (id) VALUES (1)",
           "insert\n\tinto Permits (id) VALUES (1)",
           "UPDATE notes SET n = 1",
           "DELETE FROM \"notes\" WHERE n = 1",
           "DELETE FROM {permits} USING notes WHERE n = id",
           "SELECT 1 FROM /* all */ permits",
           "SELECT 1 FROM -- all\n permits",
           "SELECT 1 FROM ONLY permits",
           "SELECT 1 FROM {permits} JOIN notes ON n = id",
           "SELECT (SELECT max(n) FROM notes)",
           "SELECT 'from ''x''' FROM notes",
       }) {
    const auto error = test::error_of(with_tables(sql, 7, kTables));
    EXPECT_NE(error.message.find("in braces"), std::string::npos) << sql << ": " << error.message;
  }
}

TEST(TablesInAStatement, MayGiveTheirNamesToOtherThings) {
  for (const std::string_view sql : {
           "SELECT permits FROM {notes}",
           "SELECT 'from permits'",
           "SELECT 1 -- from permits",
           "SELECT 1 /* from permits */",
           "SELECT \"from\" permits",
           "SELECT permits.id FROM {permits} AS permits",
           "SELECT id FROM {permits} JOIN {notes} USING (permits)",
           "SELECT 1 FROM permits_archive",
           "SELECT 'open",
           "SELECT \"open",
           "SELECT \"",
           "SELECT /* open",
           "",
       }) {
    EXPECT_TRUE(with_tables(sql, 7, kTables)) << sql;
  }
}

}  // namespace
}  // namespace eventstore::projection
