#pragma once

#include <string>

namespace eventstore::test {

// The URL of a store on the server of this run, in a schema that is named after `folder`. Makes the
// engine known to open().
std::string postgres_store_url(const std::string& folder);

// Drops the schema that a URL names, if it is there.
void remove_postgres_store(const std::string& url);

}  // namespace eventstore::test
