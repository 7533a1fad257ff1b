#include "cli/output.hpp"

#include <array>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace eventstore::cli {
namespace {

// What `print` writes to a pipe (no more than a pipe holds).
template <typename Print>
std::string printed(Print print) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  {
    Output output(pipe[1]);
    print(output);
    EXPECT_TRUE(output.check());
  }
  ::close(pipe[1]);
  std::string text(std::size_t{1} << 16, '\0');
  const auto size = ::read(pipe[0], text.data(), text.size());
  ::close(pipe[0]);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string listed(OutputFormat format) {
  return printed([&](Output& output) {
    ObjectList list(output, format, {{.name = "stream"}, {.name = "events", .number = true}});
    list.add({{"stream", "order-1"}, {"events", 12}});
    list.add({{"stream", "a"}, {"events", 3}});
    list.finish();
  });
}

TEST(Output, PrintsListsInEachForm) {
  EXPECT_EQ(listed(OutputFormat::Table),
            "stream   events\n"
            "order-1      12\n"
            "a             3\n");
  EXPECT_EQ(listed(OutputFormat::Json),
            "[\n{\"stream\":\"order-1\",\"events\":12},\n{\"stream\":\"a\",\"events\":3}\n]\n");
  EXPECT_EQ(listed(OutputFormat::Ndjson),
            "{\"stream\":\"order-1\",\"events\":12}\n{\"stream\":\"a\",\"events\":3}\n");
}

TEST(Output, PrintsAnEmptyListInEachForm) {
  const auto empty = [](OutputFormat format) {
    return printed(
        [&](Output& output) { ObjectList(output, format, {{.name = "stream"}}).finish(); });
  };
  EXPECT_EQ(empty(OutputFormat::Table), "stream\n");
  EXPECT_EQ(empty(OutputFormat::Json), "[]\n");
  EXPECT_EQ(empty(OutputFormat::Ndjson), "");
}

TEST(Output, PrintsObjectsInEachForm) {
  const auto object = [](OutputFormat format) {
    return printed([&](Output& output) {
      print_object(output, format, {{"events", 3}, {"time", nullptr}, {"types", {{"Opened", 2}}}});
    });
  };
  EXPECT_EQ(object(OutputFormat::Table), "events  3\ntime    -\ntypes\n  Opened  2\n");
  EXPECT_EQ(object(OutputFormat::Json),
            "{\n  \"events\": 3,\n  \"time\": null,\n  \"types\": {\n    \"Opened\": 2\n  }\n}\n");
  EXPECT_EQ(object(OutputFormat::Ndjson),
            "{\"events\":3,\"time\":null,\"types\":{\"Opened\":2}}\n");
}

TEST(Output, PrintsObjectsInAnObjectALineEach) {
  const auto text = printed([](Output& output) {
    const nlohmann::ordered_json members = {{{"member", "a\x1b"}, {"buckets", 512}},
                                            {{"member", "b"}, {"buckets", nullptr}}};
    print_object(output, OutputFormat::Table, {{"members", members}, {"types", {"A", "B"}}});
  });
  EXPECT_EQ(text,
            "members\n  member a\\x1b, buckets 512\n  member b, buckets -\n"
            "types    [\"A\",\"B\"]\n");
}

TEST(Output, PrintsARawMemberOfAListInEachForm) {
  const auto documents = [](OutputFormat format) {
    return printed([&](Output& output) {
      ObjectList list(output, format, {{.name = "key"}, {.name = "document"}});
      list.add({{"key", "a"}}, {.name = "document", .json = "{\"n\":\n1.0}"});
      list.add({{"key", "b"}}, {.name = "document", .json = "2"});
      list.finish();
    });
  };
  EXPECT_EQ(documents(OutputFormat::Table), "key  document\na    {\"n\":\\n1.0}\nb    2\n");
  EXPECT_EQ(documents(OutputFormat::Json),
            "[\n{\"key\":\"a\",\"document\":{\"n\": 1.0}},\n{\"key\":\"b\",\"document\":2}\n]\n");
  EXPECT_EQ(documents(OutputFormat::Ndjson),
            "{\"key\":\"a\",\"document\":{\"n\": 1.0}}\n{\"key\":\"b\",\"document\":2}\n");
}

TEST(Output, KeepsARowOfATableInALine) {
  const auto text = printed([](Output& output) {
    Table table(output, {{.name = "data"}});
    table.add({"{\n}\x1b[2J"});
    table.finish();
  });
  EXPECT_EQ(text, "data\n{\\n}\\x1b[2J\n");
}

TEST(Output, PrintsRowsBeyondThoseThatItMeasured) {
  const auto text = printed([](Output& output) {
    Table table(output, {{.name = "n", .number = true}, {.name = "data"}});
    for (std::size_t row = 0; row < Table::kRowsMeasured; ++row) table.add({"1", "x"});
    table.add({"1234", "y"});
    table.finish();
  });
  EXPECT_TRUE(text.ends_with("1  x\n1234  y\n"));
}

TEST(Output, KeepsRoomForRowsThatAreYetToCome) {
  const auto rows = [](bool flushed) {
    return printed([&](Output& output) {
      Table table(output, {{.name = "type", .columns_later = 6}, {.name = "data"}});
      table.add({"T", "x"});
      if (flushed) table.flush();
      table.finish();
    });
  };
  EXPECT_EQ(rows(true), "type    data\nT       x\n");
  EXPECT_EQ(rows(false), "type  data\nT     x\n");
}

TEST(Output, ReportsAFullDevice) {
  const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  Output output(fd);
  output.write("lost");
  EXPECT_EQ(output.check().error().code, "io");
  ::close(fd);
}

TEST(Output, GroupsThousands) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(18446744073709551615U), "18,446,744,073,709,551,615");
  EXPECT_EQ(counted(1, "event"), "1 event");
  EXPECT_EQ(counted(8577, "event"), "8,577 events");
}

}  // namespace
}  // namespace eventstore::cli
