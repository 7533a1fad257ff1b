#include "postgres/months_test_support.hpp"

namespace eventstore::postgres {
namespace {

using test::value_of;
using Texts = std::vector<std::string>;

// Three streams in two months: an event with JSON and tags, one that PostgreSQL cannot have as
// jsonb, one of binary data, one that is deleted.
class Views : public MonthsTest {
 protected:
  void fill() {
    enter("2031-01");
    AppendRequest request;
    auto json = test::tagged_event_of("a", "Placed", {"red", "b|u,e"});
    json.data = R"({"customer": 7})";
    json.metadata = R"({"user": "kim"})";
    auto nul = test::event_of("a", "Placed");
    nul.data = R"("\u0000")";
    auto binary = test::event_of("b", "Scanned");
    binary.data = std::string("1");
    binary.format = PayloadFormat::Binary;
    request.events = {json, nul, binary};
    value_of(store().append(std::move(request)));
    enter("2031-02");
    append("gone", "Placed");
    value_of(store().truncate_stream("gone", {2}, ExpectedVersion::any()));
  }
};

TEST_F(Views, ShowEventsWithTheirPayloadsAsColumns) {
  fill();
  EXPECT_EQ(query("SELECT concat_ws(' ', position, stream, version, type) FROM {s}.readable_events"
                  " ORDER BY position"),
            Texts({"1 a 1 Placed", "2 a 2 Placed", "3 b 1 Scanned"}));
  EXPECT_EQ(query("SELECT json->>'customer' FROM {s}.readable_events WHERE position = 1"),
            Texts({"7"}));
  EXPECT_EQ(query("SELECT metadata->>'user' FROM {s}.readable_events WHERE position = 1"),
            Texts({"kim"}));
  EXPECT_EQ(query("SELECT position::text FROM {s}.readable_events WHERE 'b|u,e' = ANY(tags)"),
            Texts({"1"}));
  EXPECT_EQ(query("SELECT position::text FROM {s}.readable_events WHERE json IS NULL ORDER BY 1"),
            Texts({"2", "3"}));
  EXPECT_EQ(query("SELECT position::text FROM {s}.json_events ORDER BY 1"), Texts({"1", "2"}));
}

TEST_F(Views, CountByTypeStreamAndDay) {
  fill();
  EXPECT_EQ(query("SELECT concat_ws(' ', type, events, first_position, last_position)"
                  " FROM {s}.events_by_type ORDER BY type"),
            Texts({"Placed 2 1 2", "Scanned 1 3 3"}));
  EXPECT_EQ(query("SELECT concat_ws(' ', stream, events, first_version, last_version)"
                  " FROM {s}.events_by_stream ORDER BY stream"),
            Texts({"a 2 1 2", "b 1 1 1"}));
  EXPECT_EQ(query("SELECT concat_ws(' ', day, events) FROM {s}.events_by_day"),
            Texts({"2031-01-11 3"}));
}

// Nothing in a session's search path has a say in what they show.
TEST_F(Views, DoNotDependOnTheSearchPath) {
  fill();
  execute("SET search_path TO pg_temp");
  EXPECT_EQ(query("SELECT tags[1] FROM {s}.readable_events WHERE position = 1"), Texts({"red"}));
}

}  // namespace
}  // namespace eventstore::postgres
