#!/usr/bin/env python3
"""Times `event-store event import` of generated events, each round into a new store.

Beside each import, the same number of appends by the disk alone: the bytes that the store's log came to
hold, written and synced in as many pieces as the import had batches. Needs Python alone; see README.md.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default="build/release", help="the build folder (%(default)s)")
    parser.add_argument("--folder", type=Path, default="bench-import", help="where to write (%(default)s)")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-ids", action="store_true", help="lines without ids: the import derives them")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    return parser.parse_args()


def generate(arguments, path):
    program = arguments.build / "bench" / "generate_events"
    options = ["--no-ids"] if arguments.no_ids else []
    with open(path, "wb") as out:
        subprocess.run([program, str(arguments.events), *options], stdout=out, check=True)


def run_import(arguments, events, store):
    """Returns the seconds that the import took and its peak memory in bytes."""
    command = [arguments.build / "src" / "cli" / "event-store", "--store", f"file:{store}"]
    command += ["event", "import", events, "--batch", str(arguments.batch)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"the import failed with exit code {process.returncode}")
    return seconds, usage.ru_maxrss * 1024


def count_events(arguments, store):
    command = [arguments.build / "src" / "cli" / "event-store", "--store", f"file:{store}", "--output", "json"]
    stats = subprocess.run([*command, "maint", "stats"], stdout=subprocess.PIPE, check=True)
    return json.loads(stats.stdout)["events"]


def run_bare(path, size, pieces):
    """Writes `size` bytes in so many pieces, each synced, behind each other; returns the seconds."""
    piece = os.urandom(size // pieces)
    started = time.monotonic()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    for number in range(pieces):
        os.pwrite(file, piece, number * len(piece))
        os.fdatasync(file)
    os.close(file)
    return time.monotonic() - started


def report(name, unit, values, results):
    median = statistics.median(values)
    digits = 0 if median >= 1000 else 2
    print(f"  {name:<40} {median:>12.{digits}f} {unit:<10} ({min(values):.{digits}f} to {max(values):.{digits}f})")
    results.append({"name": name, "unit": unit, "median": median, "min": min(values), "max": max(values)})


def main():
    arguments = parse_arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    events, store, bare = (arguments.folder / name for name in ("bench-events.ndjson", "bench-store", "bench-bare"))
    generate(arguments, events)

    import_rates, bare_rates, peaks = [], [], []
    for number in range(arguments.rounds):
        shutil.rmtree(store, ignore_errors=True)
        seconds, peak = run_import(arguments, events, store)
        if (stored := count_events(arguments, store)) != arguments.events:
            sys.exit(f"the store has {stored} events, not {arguments.events}")
        import_rates.append(arguments.events / seconds)
        peaks.append(peak / 1e6)
        log_bytes = sum(path.stat().st_size for path in (store / "log").glob("*.seg"))
        shutil.rmtree(store)
        pieces = max(arguments.events // arguments.batch, 1)
        bare_rates.append(arguments.events / run_bare(bare, log_bytes, pieces))
        bare.unlink()
        print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr)
    events.unlink()

    results = []
    print(f"import of {arguments.events} events, batches of {arguments.batch}")
    report("import", "events/s", import_rates, results)
    report("bare: the same bytes, written and synced", "events/s", bare_rates, results)
    report("import / bare", "times", [i / b for i, b in zip(import_rates, bare_rates)], results)
    report("peak memory of the import", "MB", peaks, results)
    if arguments.json:
        arguments.json.write_text(json.dumps({"results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
