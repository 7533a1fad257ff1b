#include "postgres_page.hpp"

#include <fmt/format.h>

#include "postgres_bench.hpp"

namespace eventstore::bench {
namespace {

constexpr std::string_view kIntroduction = R"(# Benchmarks of the PostgreSQL engine

Written by `bench/postgres/run --markdown docs/benchmarks-postgresql.md`; [bench/README.md](../bench/README.md) says more. Don't edit this page; run it again.

)";

constexpr std::string_view kMethod = R"(
## How it is measured

- All candidates work on one server that was started for the run alone. Server and clients share the machine's cores.
- They take turns: every round runs each of them once, in another order, for {:.0f} s where a turn has no other end. Given are medians over the rounds, with the
  least and the greatest in brackets. A ratio is made of two measurements of the same round, and its median is taken over the rounds. Latencies are kept
  in a histogram whose percentiles are less than 1 % too high.
- What is stored and read is checked: versions and positions that follow each other, counts, and the sum of all bytes where the rows are known. A wrong answer ends the run.
- An event has 256 bytes of data and 64 of metadata (JSON) and a type; the stores that are read, and all of P8 and P9, have two tags for each event. The store makes the ids.
- **event-store** checks the expected version of each stream, gives positions without gaps in the order of commits, makes an id for each event and indexes types,
  categories, tags and ids. Every append is durable when it is answered.
- **pgbench** is PostgreSQL's own, with a prepared INSERT of one row into a plain table with a key by a sequence and a unique index over stream and version. It costs
  next to nothing as a client; each row is a transaction.
- **hand-made groups** are what a program of one's own could do: prepared INSERTs of single rows into that table, pipelined, 32 in a transaction on one connection, or 64 on each of two.
- **bare insert**: `INSERT ... SELECT FROM unnest(...)` of 100 rows with binary arrays, by 8 connections that keep no order among each other, into that table.
- **bare copy**: binary COPY into that table, 10,000 rows at a time. **all indexes**: into one that has as many indexes as the store (position; stream and version; type and position;
  category and position; id).
- **bare select**: the same columns of the same rows, from the store's own table of the month, by prepared statements with binary results on one connection; scans by position, 1,000 rows at a time.
- P7 and P8 compare the engine with itself. The stores of P7 are filled with the time replaced, and measured after they were opened again in the ordinary way
  and each month was read six times: the server plans a statement anew the first five times.
- Reads are of what the server has in memory, after VACUUM (ANALYZE).
)";

}  // namespace

PageTexts postgres_page(const PostgresOptions& options) {
  PageTexts texts{.introduction = kIntroduction,
                  .method = fmt::format(fmt::runtime(kMethod), options.seconds),
                  .sections = {}};
  for (const auto& workload : postgres_workloads()) {
    texts.sections.push_back({workload.name, workload.what});
  }
  return texts;
}

}  // namespace eventstore::bench
