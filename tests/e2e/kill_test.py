#!/usr/bin/env python3
"""Kills the program with SIGKILL at any moment of an import, again and again. Whatever the moment: the store opens, verifies,
and holds a beginning of the input, never less than before; and running the import again completes it."""

import json
import os
import random
import subprocess
import time
import unittest

from support import PERMITS, TRUTH, EndToEnd

KILLS = max(1, 200 * int(os.environ.get("EVENTSTORE_TEST_SCALE", "100")) // 100)


class KilledImport(EndToEnd):
    def ids(self, *arguments):
        return [event["id"] for event in self.list("--output", "ndjson", *arguments)]

    def setUp(self):
        super().setUp()
        self.input = self.folder / "permits.ndjson"
        whole = self.folder / "whole"
        self.run_program("event", "import", PERMITS, store=whole)
        self.run_program("event", "export", self.input, store=whole)
        self.wanted = [json.loads(line)["id"] for line in self.input.read_text().splitlines()]
        self.assertEqual(len(self.wanted), TRUTH["events"])

    def import_and_kill(self, after, batch):
        process = subprocess.Popen(
            self.command("event", "import", self.input, "--batch", str(batch)),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=after)
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True

    def duration_of_an_import(self, batch):
        start = time.monotonic()
        self.run_program("event", "import", self.input, "--batch", batch, store=self.folder / "timed")
        return time.monotonic() - start

    def test_keeps_a_beginning_of_the_input_whenever_it_is_killed(self):
        chance = random.Random(7)
        batch = 5
        duration = self.duration_of_an_import(batch)
        kills = completed = there = 0
        while kills < KILLS:
            # Often soon after the start: opening and creating are to be hit as well.
            after = chance.choice((0.02, 0.1, 0.5)) * duration * chance.random()
            killed = self.import_and_kill(after, batch)
            kills += killed
            if not self.exists():
                continue
            ids = self.ids("event", "export", "-")
            self.assertGreaterEqual(len(ids), there, f"kill {kills} lost events")
            self.assertEqual(ids, self.wanted[:len(ids)], f"after kill {kills}")
            there = len(ids)
            if kills % 10 == 0:
                self.assertEqual(self.object("--output", "json", "maint", "verify")["findings"], [])
            if there == len(self.wanted):
                completed += 1
                self.store = self.folder / f"store-{completed}"
                there = 0
        self.run_program("event", "import", self.input)
        self.assertEqual(self.ids("event", "export", "-"), self.wanted)
        print(f"{kills} kills, {completed} stores completed meanwhile")


if __name__ == "__main__":
    unittest.main(verbosity=2)
