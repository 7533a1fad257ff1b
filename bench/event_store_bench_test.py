#!/usr/bin/env python3
"""Runs event-store-bench over very little, and checks the form of what it writes.

usage: event_store_bench_test.py PROGRAM
The program itself checks that every candidate answers with the right events. No time is judged.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)
WORKLOADS = ["W1", "W2", "W3", "W4", "R1", "R2", "R3", "R4", "O1", "P1", "S1", "S2", "D1"]
STORES = {"event-store", "rocksdb", "lmdb", "sqlite"}
ROUNDS = 2


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)


class EventStoreBench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Below the current folder: where /tmp is in memory, there is nothing to measure.
        cls.directory = tempfile.TemporaryDirectory(dir=".")
        folder = Path(cls.directory.name)
        cls.data = folder / "data"
        process = run("--scale", "tiny", "--rounds", ROUNDS, "--folder", cls.data, "--json", folder / "results.json",
                      "--markdown", folder / "results.md", "--commit", "0123abc")
        if process.returncode != 0:
            raise AssertionError(f"exit code {process.returncode}:\n{process.stdout}{process.stderr}")
        cls.output = process.stdout
        cls.json = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        cls.markdown = (folder / "results.md").read_text(encoding="utf-8")

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def candidates(self, workload):
        return {result["candidate"] for result in self.json["results"] if result["workload"] == workload}

    def test_every_workload_has_results(self):
        self.assertEqual(list(dict.fromkeys(result["workload"] for result in self.json["results"])), WORKLOADS)

    def test_all_stores_take_part(self):
        built_in = {name for name in STORES if run("--candidate", name, "--workload", "R4", "--scale", "tiny",
                                                   "--rounds", 1, "--folder", self.data).returncode == 0}
        self.assertIn("event-store", built_in)
        for workload in ["W1", "W2", "W3", "W4", "R1", "R2", "R4", "O1", "D1"]:
            self.assertEqual(self.candidates(workload) & STORES, built_in, workload)

    def test_bare_logs_take_part(self):
        self.assertIn("bare", self.candidates("W1"))
        self.assertIn("bare-gathering", self.candidates("W2"))
        self.assertIn("bare-gathering", self.candidates("W3"))
        self.assertIn("bare-growing", self.candidates("W4"))

    def test_results_have_a_value_for_each_round(self):
        for result in self.json["results"]:
            once = result["workload"] == "D1"
            self.assertEqual(len(result["rounds"]), 1 if once else ROUNDS, result)
            summary = result["summary"]
            self.assertLessEqual(summary["min"], summary["median"])
            self.assertLessEqual(summary["median"], summary["max"])
            self.assertGreater(summary["min"], 0, result)

    def test_a_run_says_where_and_when_it_was(self):
        self.assertEqual(self.json["commit"], "0123abc")
        self.assertEqual(self.json["scale"], "tiny")
        self.assertGreater(self.json["machine"]["cores"], 0)
        self.assertRegex(self.json["date"], r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$")

    def test_every_target_is_judged(self):
        judged = {target["workload"] for target in self.json["targets"]}
        self.assertEqual(judged, set(WORKLOADS))
        for target in self.json["targets"]:
            self.assertIn(target["reached"], (True, False))
            self.assertEqual(("at_most" in target) + ("at_least" in target), 1)

    def test_the_page_has_whole_tables(self):
        for workload in WORKLOADS:
            self.assertIn(f"\n## {workload}\n", self.markdown)
        self.assertIn("0123abc", self.markdown)
        columns = None
        for line in self.markdown.splitlines():
            if not line.startswith("|"):
                columns = None
                continue
            columns = columns or line.count("|")
            self.assertEqual(line.count("|"), columns, line)

    def test_nothing_is_left_behind(self):
        self.assertFalse(self.data.exists())

    def test_wrong_usage_is_refused(self):
        for arguments in (["--workload", "W9"], ["--candidate", "nobody"], ["--scale", "huge"], ["--rounds", "0"],
                          ["--rounds", "many"], ["--nonsense"]):
            process = run(*arguments)
            self.assertEqual(process.returncode, 2, arguments)
            self.assertIn("Usage:", process.stderr)


if __name__ == "__main__":
    unittest.main()
