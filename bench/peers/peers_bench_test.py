"""Checks what peers_bench.py makes of rates, and runs it with this event store alone.

usage: peers_bench_test.py BUILD_FOLDER
No time is judged.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import peers_bench
import peers_page

BUILD = sys.argv.pop(1)
HERE = Path(__file__).resolve().parent


class Page(unittest.TestCase):
    def test_a_target_is_judged_by_the_median_of_the_rounds_ratios(self):
        results = {
            ("append", 32, "event-store"): [120.0, 240.0, 10.0],
            ("append", 32, "emmett"): [10.0, 10.0, 10.0],
        }
        self.assertIn("| 12.00 (1.00–24.00) | yes ", peers_page.targets_table(results))
        results["append", 32, "event-store"][0] = 119.0
        self.assertIn("| 11.90 (1.00–24.00) | **no** ", peers_page.targets_table(results))

    def test_beaten_is_more_than_as_fast(self):
        results = {("append", 1, "event-store"): [500.0], ("append", 1, "message-db"): [500.0]}
        self.assertIn("**no**", peers_page.targets_table(results))
        results["append", 1, "event-store"] = [501.0]
        self.assertIn("yes", peers_page.targets_table(results))

    def test_a_target_without_both_rates_is_left_out(self):
        self.assertEqual(peers_page.targets_table({("append", 32, "event-store"): [1.0]}), "")


class Run(unittest.TestCase):
    def test_candidates_take_turns(self):
        names = ["a", "b", "c"]
        orders = [peers_bench.turns(names, number) for number in range(6)]
        self.assertTrue(all(sorted(order) == names for order in orders))
        self.assertEqual({order[0] for order in orders}, set(names))

    def test_every_setting_is_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, HERE / "peers_bench.py", "--build", BUILD, "--candidate", "event-store"]
            command += ["--rounds", "1", "--seconds", "1"]
            command += ["--json", Path(folder) / "peers.json", "--markdown", Path(folder) / "peers.md"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            results = json.loads((Path(folder) / "peers.json").read_text(encoding="utf-8"))["results"]
            page = (Path(folder) / "peers.md").read_text(encoding="utf-8")
        found = {(row["workload"], row["concurrency"]) for row in results if min(row["rates"]) > 0}
        wanted = {(workload, n) for workload, numbers in peers_bench.CONCURRENCY.items() for n in numbers}
        self.assertEqual(found, wanted)
        self.assertIn("| append | 128 ", page)


class Packages(unittest.TestCase):
    def test_the_lock_file_names_no_registry(self):
        packages = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
        self.assertGreater(len(packages), 1)
        self.assertFalse([name for name, entry in packages.items() if "resolved" in entry])
        self.assertTrue(all("integrity" in entry for name, entry in packages.items() if name))


if __name__ == "__main__":
    unittest.main()
