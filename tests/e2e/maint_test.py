#!/usr/bin/env python3
"""maint stats, verify and scavenge, on sound stores; bad_input_test.py has the damaged ones."""

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

    def test_scavenge(self):
        data = "x" * 1000
        lines = ({"stream": f"s-{i % 2}", "type": "Filled", "data": data} for i in range(70_000))
        self.object("event", "import", self.write("lines.ndjson", lines))
        self.run_program("stream", "delete", "s-0", "--yes")
        before = self.text("event", "export")
        would = self.object("maint", "scavenge", "--dry-run")
        self.assertEqual(list(would), ["dry_run", "segments", "segments_rewritten", "events_removed",
                                       "events_reduced", "bytes", "bytes_freed", "bytes_active"])
        self.assertGreater(would["bytes_freed"], 25_000_000)
        self.assertEqual(would["events_removed"], 0)
        self.assertIn("0 events looked at", self.on_terminal("maint", "scavenge", "--dry-run", stderr=True))
        on_disk = self.stats()["bytes"]
        did = self.object("maint", "scavenge")
        self.assertEqual({**did, "bytes_active": 0}, {**would, "bytes_active": 0, "dry_run": False})
        self.object("maint", "scavenge", "--dry-run", "--id-retention", "0s")
        self.assertLess(self.stats()["bytes"], on_disk - 25_000_000)
        self.assertEqual(self.text("event", "export"), before)
        self.assertEqual(self.object("maint", "verify")["findings"], [])
        self.assertRegex(self.text("--output", "table", "maint", "scavenge"),
                         r"^0 of [\d,]+ bytes freed in 0 segments: 0 events removed")
        self.error("maint", "scavenge", "--id-retention", "soon", exit_code=support.USAGE)


if __name__ == "__main__":
    support.main()
