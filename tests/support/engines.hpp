#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eventstore/open.hpp"
#include "support/store_access.hpp"
#include "support/temporary_directory.hpp"

namespace eventstore::test {

// An engine that the contract is shown on.
struct Engine {
  std::string name;  // as in capabilities(), and in the names of the cases
  // The URL of a store that is this test's alone. The folder is new, empty, and there for its use.
  std::function<std::string(const std::string& folder)> url;
  bool persists = false;  // what was appended is there when the store is opened again
  bool shares = false;    // read-only stores can be open beside the writing one
  Durability durability = Durability::PowerLoss;
  bool zero_copy = true;
  bool many_writers = false;  // several may write at once
  bool has_segments = true;
  // Takes a store away that is not in the folder.
  std::function<void(const std::string& url)> remove = {};
};

std::ostream& operator<<(std::ostream& out, const Engine& engine);

std::vector<Engine> all_engines();
std::vector<Engine> persistent_engines();
std::vector<Engine> shared_engines();
std::vector<Engine> locking_engines();  // shared ones that one process at a time writes to

// The name of a case after its '/': the engine's.
std::string engine_name(const testing::TestParamInfo<Engine>& info);

// A case of the contract: a new store of the engine, opened when it is first asked for.
class EngineTest : public testing::TestWithParam<Engine> {
 protected:
  ~EngineTest() override;

  EventStore& store();

  // Closes the store, if it is open, and opens it: anew where the engine persists.
  EventStore& reopen(const OpenOptions& options = {});
  void close() { store_.reset(); }

  // Another store object over what this one has; read_only is set.
  Result<std::unique_ptr<EventStore>> open_reader();

  std::string url() const { return GetParam().url(folder_.path().string()); }

 private:
  TemporaryDirectory folder_;
  std::unique_ptr<EventStore> store_;
};

}  // namespace eventstore::test
