#!/usr/bin/env python3
"""Runs event-store-projection-bench over very little, and checks the form of what it writes.

usage: event_store_projection_bench_test.py PROGRAM
EVENTSTORE_TEST_POSTGRES_STATE names the state file of a server: tests/support/postgres_server.py. The program itself
checks that documents and deliveries are right. No time is judged.
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

CATCH_UP = {"event-store", "bare scan", "a transaction an event"}
AUDIENCES = {"none", "1", "1, slow", "20, of a category each", "20, of everything"}
# Workload and setting but for the engine: the candidates.
CANDIDATES = {
    ("J1", ""): CATCH_UP,
    ("J2", ""): CATCH_UP,
    ("J3", ""): {"event-store", "1 worker"},
    ("J4", ""): {"event-store"},
    ("J5", ", by type"): {"event-store"},
    ("J5", ", by category"): {"event-store"},
    ("J5", ", by a tag"): {"event-store"},
    ("J6", ""): AUDIENCES,
}
TARGETS = {"J1": 2, "J2": 2, "J3": 4, "J4": 2, "J5": 6}


def run(*arguments):
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def schemas():
    """What there is of a benchmark in the database."""
    statement = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench%'"
    command = [Path(SERVER["bin"]) / "psql", "-XAt", "-d", SERVER["url"], "-c", statement]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


class EventStoreProjectionBench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        folder = Path(cls.directory.name)
        cls.common = ("--database", SERVER["url"], "--folder", folder / "data", "--scale", "tiny", "--seconds", 1)
        process = run(*cls.common, "--rounds", ROUNDS, "--json", folder / "results.json",
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
        expected = {(workload, engine + setting): candidates for engine in ("embedded", "PostgreSQL")
                    for (workload, setting), candidates in CANDIDATES.items()}
        self.assertEqual(found, expected)

    def test_results_have_a_value_for_each_round(self):
        for result in self.json["results"]:
            self.assertEqual(len(result["rounds"]), ROUNDS, result)
            # A subscriber may have an event before append() returns.
            least = 0 if result["workload"] in ("J3", "J4", "J6") else 1e-9
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
        for workload in (*TARGETS, "J6"):
            self.assertIn(f"\n## {workload}\n", self.markdown)
        self.assertIn(self.json["server"], self.markdown)

    def test_nothing_is_left_behind(self):
        self.assertEqual(schemas(), [])
        self.assertFalse((Path(self.directory.name) / "data").exists())

    def test_a_workload_and_an_engine_can_be_picked(self):
        process = run(*self.common[2:], "--rounds", 1, "--workload", "J4", "--engine", "embedded")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("== J4", process.stdout)
        self.assertNotIn("== J1", process.stdout)
        self.assertNotIn("PostgreSQL", process.stdout)

    def test_wrong_usage_is_refused(self):
        whole = ["--database", "postgresql://nowhere"]
        for arguments in ([], *([*whole, *wrong] for wrong in (
                ["--workload", "J0"], ["--scale", "huge"], ["--rounds", "0"], ["--seconds", "0"], ["--engine", "lmdb"],
                ["--nonsense"]))):
            process = run(*arguments)
            self.assertEqual(process.returncode, 2, arguments)
            self.assertIn("Usage:", process.stderr)


if __name__ == "__main__":
    unittest.main()
