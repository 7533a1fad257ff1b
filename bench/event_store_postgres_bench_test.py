#!/usr/bin/env python3
"""Runs event-store-postgres-bench over very little, and checks the form of what it writes.

usage: event_store_postgres_bench_test.py PROGRAM
EVENTSTORE_TEST_POSTGRES_STATE names the state file of a server: tests/support/postgres_server.py. The program itself
checks that what it reads is right. No time is judged.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)
SERVER = json.loads(Path(os.environ["EVENTSTORE_TEST_POSTGRES_STATE"]).read_text(encoding="utf-8"))
ROUNDS = 2

# Workload and setting: the candidates.
CANDIDATES = {
    ("P1", "1 client"): {"event-store", "pgbench"},
    ("P1", "32 clients"): {"event-store", "pgbench", "hand-made groups"},
    ("P1", "128 clients"): {"event-store", "hand-made groups"},
    ("P2", "8 processes of 4 threads"): {"event-store", "pgbench"},
    ("P3", "8 threads, batches of 100"): {"event-store", "bare insert"},
    ("P4", "appends of 1,000, 8 under way"): {"event-store", "bare copy", "bare copy, all indexes"},
    ("P5", "streams of 100"): {"event-store", "bare select"},
    ("P6", "everything"): {"event-store", "bare select"},
    ("P7", "appends of one event"): {"one month", "many months"},
    ("P7", "a stream in one month"): {"one month", "many months"},
    ("P7", "a stream in all months"): {"one month", "many months"},
    ("P7", "100 events from any position"): {"one month", "many months"},
    ("P8", "appends of one event"): {"small store", "large store"},
    ("P8", "query by two tags"): {"small store", "large store"},
    ("P9", "200 appends a second"): {"event-store"},
}
TARGETS = {"P1": 5, "P2": 1, "P3": 1, "P4": 1, "P5": 1, "P6": 1, "P7": 3, "P8": 2, "P9": 1}


def run(*arguments):
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run_on_server(*arguments):
    return run("--database", SERVER["url"], "--postgresql-bin", SERVER["bin"], *arguments)


def schemas_and_tables():
    """What there is of a benchmark in the database."""
    statement = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench%' UNION ALL SELECT relname FROM pg_class"
    command = [Path(SERVER["bin"]) / "psql", "-XAt", "-d", SERVER["url"], "-c", f"{statement} WHERE relname LIKE 'bench%'"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


class EventStorePostgresBench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        folder = Path(cls.directory.name)
        process = run_on_server("--scale", "tiny", "--rounds", ROUNDS, "--seconds", 1, "--json", folder / "results.json",
                                "--markdown", folder / "results.md", "--commit", "0123abc")
        if process.returncode != 0:
            raise AssertionError(f"exit code {process.returncode}:\n{process.stdout}{process.stderr}")
        cls.output = process.stdout
        cls.json = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        cls.markdown = (folder / "results.md").read_text(encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_every_workload_has_results_of_each_candidate(self):
        found = {}
        for result in self.json["results"]:
            found.setdefault((result["workload"], result["setting"]), set()).add(result["candidate"])
        self.assertEqual(found, CANDIDATES)

    def test_results_have_a_value_for_each_round(self):
        for result in self.json["results"]:
            self.assertEqual(len(result["rounds"]), ROUNDS, result)
            # A subscriber may have an event before append() returns.
            least = 0 if result["workload"] == "P9" else 1e-9
            self.assertGreaterEqual(result["summary"]["min"], least, result)

    def test_every_target_is_judged(self):
        judged = [target["workload"] for target in self.json["targets"]]
        self.assertEqual({workload: judged.count(workload) for workload in judged}, TARGETS)
        for target in self.json["targets"]:
            self.assertIn(target["reached"], (True, False))
            self.assertIn(target["what"], self.output)

    def test_a_run_says_on_what_it_was(self):
        self.assertEqual(self.json["commit"], "0123abc")
        self.assertEqual(self.json["scale"], "tiny")
        self.assertRegex(self.json["server"], r"^PostgreSQL \d+.*, shared_buffers \d+.*, fsync on")

    def test_the_page_has_all_workloads(self):
        for workload in TARGETS:
            self.assertIn(f"\n## {workload}\n", self.markdown)
        self.assertIn(self.json["server"], self.markdown)

    def test_nothing_is_left_behind(self):
        self.assertEqual(schemas_and_tables(), [])

    def test_a_workload_can_be_picked(self):
        process = run_on_server("--scale", "tiny", "--rounds", 1, "--seconds", 1, "--workload", "P9")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("== P9", process.stdout)
        self.assertNotIn("== P1", process.stdout)

    def test_wrong_usage_is_refused(self):
        whole = ["--database", "postgresql://nowhere", "--postgresql-bin", "/nowhere"]
        for arguments in (whole[:2], whole[2:], *([*whole, *wrong] for wrong in (
                ["--workload", "P0"], ["--scale", "huge"], ["--rounds", "0"], ["--seconds", "0"], ["--nonsense"]))):
            process = run(*arguments)
            self.assertEqual(process.returncode, 2, arguments)
            self.assertIn("Usage:", process.stderr)


if __name__ == "__main__":
    unittest.main()
