#include <algorithm>

#include "postgres/months_test_support.hpp"

namespace eventstore::postgres {
namespace {

using test::value_of;

class JsonIndexes : public MonthsTest {
 protected:
  void append_json(const std::string& type, const std::string& data, std::size_t count = 1) {
    AppendRequest request;
    request.events.assign(count, test::event_of("s", type));
    for (auto& event : request.events) event.data = data;
    value_of(store().append(std::move(request)));
  }
  // The plan of a query over json_events, where the tables are taken for large ones.
  std::string plan_of(const std::string& condition) {
    execute("SET enable_seqscan = off; SET enable_indexscan = off; ANALYZE {s}.events");
    std::string plan;
    for (const auto& line :
         query("EXPLAIN SELECT position FROM {s}.json_events WHERE " + condition))
      plan += line + '\n';
    return plan;
  }
};

TEST_F(JsonIndexes, AreUsedByAQueryInEveryMonth) {
  enter("2031-01");
  append_json("Placed", R"({"customer": 7})");
  const auto names = value_of(maintenance().add_json_index());
  EXPECT_NE(std::ranges::find(names, "events_2031_01_json_1"), names.end());
  enter("2031-02");
  append_json("Placed", R"({"customer": 7, "total": 12})");
  const auto plan = plan_of(R"(json @> '{"customer": 7}')");
  EXPECT_NE(plan.find("events_2031_01_json_1"), std::string::npos) << plan;
  EXPECT_NE(plan.find("events_2031_02_json_1"), std::string::npos) << plan;
  EXPECT_EQ(query(R"(SELECT position::text FROM {s}.json_events WHERE json @> '{"total": 12}')"),
            std::vector<std::string>{"2"});
}

TEST_F(JsonIndexes, MayBeOfSomeTypesOnly) {
  enter("2031-01");
  append_json("Placed", "{}");
  value_of(maintenance().add_json_index({"It's {s} \\ \"odd\"", "Placed", "Placed"}));
  enter("2031-02");
  append_json("Placed", "{}", 1000);
  const auto plan = plan_of(R"(json @> '{"a": 1}' AND type = 'Placed')");
  EXPECT_NE(plan.find("events_2031_02_json_1"), std::string::npos) << plan;
  const auto other = plan_of(R"(json @> '{"a": 1}' AND type = 'Shipped')");
  EXPECT_EQ(other.find("_json_1"), std::string::npos) << other;
  EXPECT_EQ(test::code_of(maintenance().add_json_index({""})), ErrorCode::InvalidArgument);
}

TEST_F(JsonIndexes, AreMadeOnceAndMadeAgainWhereBroken) {
  enter("2031-01");
  append_json("Placed", "{}");
  const auto names = value_of(maintenance().add_json_index({"Placed"}));
  EXPECT_EQ(value_of(maintenance().add_json_index({"Placed"})), names);
  execute(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid ="
      " '{s}.events_2031_01_json_1'::regclass");
  EXPECT_EQ(value_of(maintenance().add_json_index({"Placed"})), names);
  EXPECT_EQ(query("SELECT indisvalid::text FROM pg_index WHERE indexrelid ="
                  " '{s}.events_2031_01_json_1'::regclass"),
            std::vector<std::string>{"true"});
}

TEST_F(JsonIndexes, LetInWhatPostgresCannotConvert) {
  enter("2031-01");
  store();
  value_of(maintenance().add_json_index());
  append_json("Placed", R"({"nul": "\u0000"})");
  append_json("Placed", R"({"half": "\ud800"})");
  append_json("Placed", R"({"good": 1})");
  EXPECT_EQ(query(R"(SELECT position::text FROM {s}.json_events WHERE json ? 'good')"),
            std::vector<std::string>{"3"});
}

TEST_F(JsonIndexes, ComeToAMonthThatWasAwayMeanwhile) {
  enter("2031-01");
  append_json("Placed", "{}");
  enter("2031-02");
  append_json("Placed", "{}");
  value_of(maintenance().detach_partition("2031-01"));
  value_of(maintenance().add_json_index());
  value_of(maintenance().attach_partition("2031-01"));
  EXPECT_EQ(query("SELECT count(*)::text FROM pg_indexes WHERE schemaname = '" + schema_ +
                  "' AND indexname = 'events_2031_01_json_1'"),
            std::vector<std::string>{"1"});
}

}  // namespace
}  // namespace eventstore::postgres
