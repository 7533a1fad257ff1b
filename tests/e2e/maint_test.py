#!/usr/bin/env python3
"""maint stats and maint verify, on sound stores; bad_input_test.py has the damaged ones."""

import json

import support
from support import TRUTH


class Maint(support.EndToEnd):
    def test_stats(self):
        self.import_permits()
        stats = self.stats()
        self.assertEqual(list(stats), ["events", "streams", "head", "bytes", "segments", "engine", "durability", "scrubbed_at", "scrub_findings"])
        self.assertEqual((stats["events"], stats["streams"], stats["head"]), (TRUTH["events"], TRUTH["streams"], TRUTH["events"]))
        self.assertGreaterEqual(stats["segments"], 1)
        self.assertGreater(stats["bytes"], 1_000_000)
        self.assertEqual((stats["engine"], stats["durability"]), ("file", "power_loss"))
        self.assertEqual((stats["scrubbed_at"], stats["scrub_findings"]), (None, 0))
        self.assertEqual(json.loads(self.text("--output", "ndjson", "maint", "stats")), stats)
        table = self.text("--output", "table", "maint", "stats")
        self.assertRegex(table, r"(?m)^events +8577$")

    def test_verify(self):
        self.import_permits()
        report = self.object("maint", "verify")
        self.assertEqual(report["events"], TRUTH["events"])
        self.assertEqual(report["findings"], [])
        self.assertGreaterEqual(report["segments"], 1)
        self.assertGreater(report["bytes"], 1_000_000)
        self.assertIn("8,577 events", self.text("--output", "table", "maint", "verify"))


if __name__ == "__main__":
    support.main()
