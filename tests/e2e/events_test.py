#!/usr/bin/env python3
"""event replay and event tail"""

import json
import signal
import subprocess
import time

import support
from support import DONE, FAILED, TRUTH


class Replay(support.EndToEnd):
    def orders(self):
        lines = [
            {"stream": "order-1", "type": "Opened", "tags": ["north"]},
            {"stream": "order-2", "type": "Opened", "tags": ["south"]},
            {"stream": "cart-1", "type": "Filled", "tags": ["north", "big"]},
            {"stream": "order-1", "type": "Paid", "tags": ["north"]},
            {"stream": "order-2", "type": "Paid", "tags": []},
            {"stream": "order-1", "type": "Closed", "tags": ["big"]},
        ]
        self.run_program("event", "import", self.write("orders.ndjson", lines))

    def positions(self, *options):
        return [event["position"] for event in self.list("event", "replay", *options)]

    def test_all_in_original_order(self):
        self.orders()
        self.assertEqual(self.positions(), [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.positions("--from", "3", "--to", "5"), [3, 4, 5])
        self.assertEqual(self.positions("--from", "7"), [])
        self.assertEqual(len(json.loads(self.text("event", "replay", "--output", "json"))), 6)

    def test_selections(self):
        self.orders()
        for options, expected in (
            (["--stream", "order-1"], [1, 4, 6]),
            (["--stream", "order-1", "--from", "2", "--to", "5"], [4]),
            (["--stream", "order-1", "--stream", "cart-1"], [1, 3, 4, 6]),
            (["--stream", "order-9"], []),
            (["--category", "order"], [1, 2, 4, 5, 6]),
            (["--category", "order", "--category", "cart"], [1, 2, 3, 4, 5, 6]),
            (["--type", "Paid"], [4, 5]),
            (["--type", "Paid", "--type", "Filled"], [3, 4, 5]),
            (["--tag", "north"], [1, 3, 4]),
            (["--tag", "north", "--tag", "big"], [1, 3, 4, 6]),
            (["--tag", "north", "--type", "Paid"], [4]),
            (["--tag", "big", "--category", "order"], [6]),
            (["--stream", "order-1", "--type", "Paid", "--tag", "north"], [4]),
            (["--stream", "order-1", "--stream", "order-2", "--type", "Opened", "--from", "2"], [2]),
        ):
            with self.subTest(options=options):
                self.assertEqual(self.positions(*options), expected)

    def test_streams_of_the_stores_own_where_they_are_named(self):
        self.orders()
        self.run_program("stream", "metadata", "order-1", "--set", "{}")
        for options in ([], ["--stream", "order-9"], ["--stream", "order-9", "--type", "$metadata"]):
            self.assertEqual(self.positions("--stream", "$$order-1", *options), [7])
        self.assertNotIn(7, self.positions("--category", "$$order"))

    def test_counts_of_the_permits(self):
        self.import_permits()
        for type_ in ("T18AdjustReportYToStopIndicition", "T02CheckConfirmationOfReceipt"):
            self.assertEqual(len(self.positions("--type", type_)), TRUTH["types"][type_])
        tag, count = TRUTH["top_tags"][0]
        self.assertEqual(len(self.positions("--tag", tag)), count)

    def timed(self, *options):
        begin = time.monotonic()
        count = len(self.positions(*options))
        return count, time.monotonic() - begin

    def test_at_a_multiple_of_the_original_pace(self):
        times = ["2020-01-01T00:00:00Z", "2020-01-01T00:10:00Z", "2019-01-01T00:00:00Z", "2019-01-01T00:05:00Z"]
        lines = [{"stream": "s", "type": "T", "time": time_} for time_ in times]
        self.run_program("event", "import", self.write("timed.ndjson", lines))
        count, seconds = self.timed("--speed", "900")  # 15 minutes take a second
        self.assertEqual(count, 4)
        self.assertGreaterEqual(seconds, 1.0)
        self.assertEqual(self.timed("--speed", "1e12")[0], 4)
        self.assertEqual(self.timed()[0], 4)

    def test_an_interrupt_ends_a_pause(self):
        lines = [{"stream": "s", "type": "T", "time": f"20{year}-01-01T00:00:00Z"} for year in (10, 20)]
        self.run_program("event", "import", self.write("timed.ndjson", lines))
        process = self.start("event", "replay", "--speed", "1")
        self.assertEqual(json.loads(process.stdout.readline())["position"], 1)  # shown before the pause
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(support.SECONDS_MAX), FAILED)
        self.assertIn(b"interrupted", process.stderr.read())

    def test_a_pause_ends_when_nobody_reads_any_more(self):
        lines = [{"stream": "s", "type": "T", "time": f"20{year}-01-01T00:00:00Z"} for year in (10, 20)]
        self.run_program("event", "import", self.write("timed.ndjson", lines))
        process = self.start("event", "replay", "--speed", "1")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")


class Tail(support.EndToEnd):
    def test_the_last_ten(self):
        for n in range(3):
            self.append("s", data=str(n))
        self.assertEqual([e["data"] for e in self.list("event", "tail")], [0, 1, 2])
        for n in range(3, 15):
            self.append("s", data=str(n))
        self.assertEqual([e["data"] for e in self.list("event", "tail")], list(range(5, 15)))
        self.assertEqual([e["data"] for e in self.list("event", "tail", "--from", "13")], [12, 13, 14])
        self.assertEqual(self.list("event", "tail", "--from", "16"), [])

    def test_of_an_empty_store(self):
        self.run_program("event", "import", self.write("empty.ndjson", []))
        self.assertEqual(self.list("event", "tail"), [])

    def test_follows(self):
        self.append("s", data="1")
        process = self.start("event", "tail", "--follow")
        self.assertEqual(json.loads(process.stdout.readline())["data"], 1)
        for n in range(2, 6):
            self.append("s", data=str(n))
            self.assertEqual(json.loads(process.stdout.readline())["data"], n)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")

    def test_follows_from_a_position_to_come(self):
        self.append("s", data="1")
        process = self.start("event", "tail", "--follow", "--from", "3")
        for n in (2, 3, 4):
            self.append("s", data=str(n))
        self.assertEqual(json.loads(process.stdout.readline())["data"], 3)

    def test_ends_when_nobody_reads_any_more(self):
        self.append("s")
        process = self.start("event", "tail", "--follow")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")

    def test_ends_when_its_output_cannot_be_written(self):
        self.append("s")
        with open("/dev/full", "wb") as full:
            result = subprocess.run(self.command("event", "tail", "--follow"), stdout=full, check=False,
                                    stderr=subprocess.PIPE, timeout=support.SECONDS_MAX)  # fmt: skip
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"cannot write the output: No space left", result.stderr)


if __name__ == "__main__":
    support.main()
