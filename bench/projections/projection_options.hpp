#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::bench {

enum class Engine : std::uint8_t { Embedded, Postgres };

// As the setting of a measurement is named.
std::string_view name_of(Engine engine);

// How many events there are. How long a turn of appends takes is ProjectionBenchOptions::seconds.
struct ProjectionScale {
  std::uint64_t events = 1'000'000;            // that are counted, or make documents
  std::uint64_t streams = 100'000;             // of which each has a document
  std::uint64_t loop_events = 3'000;           // with a transaction each
  std::uint64_t rebuilt_events = 200'000;      // that take time to apply
  std::uint64_t searched_events = 10'000'000;  // among which ten are looked for
  std::uint64_t subscribers = 1'000;
};

// What a run of the program does.
struct ProjectionBenchOptions {
  std::string database;  // URL; only for PostgreSQL
  std::filesystem::path folder;
  std::size_t rounds = 5;
  double seconds = 4;
  std::vector<Engine> engines;
  std::vector<std::string> workloads;  // empty: all
  std::string scale_name;
  ProjectionScale scale;
  std::string json;      // where to write; empty: nowhere
  std::string markdown;  // likewise
  std::string commit;    // empty: as git says

  bool includes_workload(std::string_view name) const;
};

// Ends the program where the command line is wrong usage or asks for help.
ProjectionBenchOptions parse_projection_options(std::span<char* const> command_line);

}  // namespace eventstore::bench
