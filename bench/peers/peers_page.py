"""What peers_bench.py prints: the rates, and the ratios beside what is asked."""

import statistics

OURS = "event-store"

# Workload, concurrency, candidate: how many times its rate is asked of event-store, and whether more than that.
TARGETS = {
    ("append", 32, "emmett"): (12, False),
    ("read", 1, "emmett"): (8, False),
    ("read", 32, "emmett"): (8, False),
    ("append", 1, "message-db"): (1, True),
    ("append", 32, "message-db"): (1, True),
    ("append", 128, "message-db"): (1, True),
    ("append", 1, "message-db-categories"): (1, True),
    ("append", 32, "message-db-categories"): (1, True),
    ("append", 128, "message-db-categories"): (1, True),
}

INTRODUCTION = """# Beside other event stores in PostgreSQL

Written by `bench/peers/run --markdown docs/benchmarks-peers.md`; [bench/README.md](../bench/README.md) says more. Don't edit this page; run it again.

"""

METHOD = """
## How it is measured

- All candidates work on one server, started for the run alone: `fsync`, `full_page_writes` and `synchronous_commit` on, 256 MB of shared buffers, each in a
  database of its own. Server and clients share the machine's cores.
- **append**: so many writers at once, each appending one event after another, every one to a new stream that must not exist yet. An event has 256 bytes
  of data and 64 of metadata, both JSON, and a type.
- **read**: so many readers at once, each reading one stream of 100 events after another, out of {streams}; all is in the server's memory.
- The candidates take turns: in every round each runs once for {seconds} s at every setting, in another order; but for `pgbench`, which needs none, after a
  second to warm up. Given are medians over {rounds} rounds, with the least and the greatest in brackets. A ratio is made of two measurements of the same round,
  and its median is taken over the rounds.

Each is used as it is meant to be used, and they do not promise the same:

- **event-store**: `event-store-peer`, one process, threads that call `append` and `read`; the library makes one transaction of what they ask for at the same
  time. Durable when answered, with a check of the stream's version; positions are 1, 2, 3, ... in the order of commits; a repeated event id is recognised. Payloads are
  bytes: stored, handed out and touched, not parsed.
- **emmett**: `appendToStream` with `STREAM_DOES_NOT_EXIST` and `readStream`, in one Node.js process, which has one thread for JavaScript, with a pool of as many
  connections as there are writers, at most 32, which served it best. An append is BEGIN, a call of a function in PL/pgSQL and COMMIT, three round trips: durable when answered, the
  stream's version checked by a row of its own and a unique index. Its global positions are of a sequence: they have gaps, and may become visible out of order, so that its consumers look at
  transaction ids too. Ids are not checked for repetitions. Payloads are `jsonb`, parsed on both sides.
- **message-db**: the function `write_message` called by `pgbench` (prepared, two threads), which as a client costs next to nothing; a program in any language has
  a driver to pay for. Each call is a transaction of its own: durable when answered, the expected version checked, and an advisory lock of the stream's category held to the commit, so that a category's
  positions are in order. All streams are of one category.
- **message-db-categories**: the same, with a category for each client, so that none waits for another's lock. Positions are in order within a category alone.
"""


def median_text(values):
    digits = 0 if statistics.median(values) >= 100 else 2
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def table(head, rows):
    """Columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = [head, ["-" * width for width in widths], *rows]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths)] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in padded)


def settings(results):
    return list(dict.fromkeys((workload, concurrency) for workload, concurrency, _ in results))


def rates_table(results):
    rows = []
    for (workload, concurrency, candidate), values in results.items():
        unit = "events/s" if workload == "append" else "streams/s"
        ours = results.get((workload, concurrency, OURS))
        better = ""
        if ours and candidate != OURS:
            better = median_text([mine / theirs for mine, theirs in zip(ours, values)])
        rows.append([workload, str(concurrency), candidate, f"{median_text(values)} {unit}", better])
    return table(["", "at once", "candidate", "rate", "event-store is better, times"], rows)


def targets_table(results):
    rows = []
    for (workload, concurrency, candidate), (asked, strictly) in TARGETS.items():
        ours, theirs = (results.get((workload, concurrency, name)) for name in (OURS, candidate))
        if not ours or not theirs:
            continue
        ratios = [mine / other for mine, other in zip(ours, theirs)]
        found = statistics.median(ratios)
        reached = found > asked if strictly else found >= asked
        rows.append(
            [
                f"{workload}, {concurrency} at once: event-store / {candidate}",
                f"{'>' if strictly else '>='} {asked} times",
                median_text(ratios),
                "yes" if reached else "**no**",
            ]
        )
    return table(["target", "asked", "found", "reached"], rows) if rows else ""


def page(results, machine, options):
    """The results as Markdown; `machine` says where and when they were measured."""
    targets = targets_table(results)
    return "".join(
        [
            INTRODUCTION,
            machine,
            f"\n## What was asked\n\n{targets}" if targets else "",
            f"\n## Rates\n\n{rates_table(results)}",
            METHOD.format(**options),
        ]
    )
