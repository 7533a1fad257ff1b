#include "postgres/hosts.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace eventstore::postgres {
namespace {

using Lists = std::vector<std::pair<std::string, std::string>>;

Lists lists_of(const Hosts& hosts) {
  Lists lists;
  for (const auto& [keyword, list] : hosts.lists()) lists.emplace_back(keyword, list);
  return lists;
}

TEST(Hosts, AreLeftToLibpqWhereThereIsOne) {
  for (const char* const uri : {"postgresql:///db", "postgresql://h:5432/db", "not a URI"}) {
    Hosts hosts(uri);
    EXPECT_LT(hosts.size(), 2U) << uri;
    hosts.put_last({.name = "h", .port = "5432"});
    EXPECT_EQ(lists_of(hosts), Lists{}) << uri;
  }
}

TEST(Hosts, AreTriedInTheOrderOfTheUri) {
  const Hosts hosts("postgresql://a:1,b:2,c:3/db");
  EXPECT_EQ(hosts.size(), 3U);
  EXPECT_EQ(lists_of(hosts), Lists({{"host", "a,b,c"}, {"port", "1,2,3"}}));
}

TEST(Hosts, AreTurnedBehindTheOneThatWasTried) {
  Hosts hosts("postgresql://a:1,b:2,c:3/db");
  hosts.put_last({.name = "b", .port = "2"});
  EXPECT_EQ(lists_of(hosts), Lists({{"host", "c,a,b"}, {"port", "3,1,2"}}));
  hosts.put_last({.name = "c", .port = "3"});
  EXPECT_EQ(lists_of(hosts), Lists({{"host", "a,b,c"}, {"port", "1,2,3"}}));
}

TEST(Hosts, OfOneNameAreToldByTheirPorts) {
  Hosts hosts("postgresql://h:1,h:2,h:3/db");
  hosts.put_last({.name = "h", .port = "2"});
  EXPECT_EQ(lists_of(hosts), Lists({{"host", "h,h,h"}, {"port", "3,1,2"}}));
}

TEST(Hosts, MayShareAPort) {
  Hosts hosts("postgresql:///db?host=a,b&port=7");
  hosts.put_last({.name = "a", .port = "7"});
  EXPECT_EQ(lists_of(hosts), Lists({{"host", "b,a"}, {"port", "7"}}));
}

TEST(Hosts, MayHaveAddressesAlone) {
  Hosts hosts("postgresql:///db?hostaddr=10.0.0.1,10.0.0.2");
  hosts.put_last({.name = "10.0.0.1", .port = "5432"});
  EXPECT_EQ(lists_of(hosts), Lists({{"hostaddr", "10.0.0.2,10.0.0.1"}}));
}

TEST(Hosts, StayAsTheyAreWhereTheOneThatWasTriedIsNotAmongThem) {
  Hosts hosts("postgresql://a:1,b:2/db");
  hosts.put_last({.name = "x", .port = "1"});
  EXPECT_EQ(lists_of(hosts), Lists({{"host", "a,b"}, {"port", "1,2"}}));
}

}  // namespace
}  // namespace eventstore::postgres
