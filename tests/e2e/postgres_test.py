#!/usr/bin/env python3
"""What is of stores in PostgreSQL alone."""

import json
import subprocess
import urllib.parse

import support
from support import FAILED, PROGRAM, USAGE


class StoreUrl(support.EndToEnd):
    def said(self, url, *arguments, exit_code=FAILED):
        """All that the program writes of a store at `url`."""
        result = subprocess.run([PROGRAM, "--store", url, *arguments], capture_output=True, text=True,
                                timeout=support.SECONDS_MAX, check=False)  # fmt: skip
        self.assertEqual(result.returncode, exit_code, result.stderr)
        return result.stdout + result.stderr

    def test_a_password_is_never_shown(self):
        secret = "tr0ub4dor"
        parts = urllib.parse.urlsplit(self.stores.url(self.store))
        address = parts.netloc.rpartition("@")[2]
        good = f"postgresql://eventstore:{secret}@{address}{parts.path}?{parts.query}"
        elsewhere = f"postgresql://eventstore@{address}{parts.path}?password={secret}&schema=nowhere"
        for url, arguments, exit_code in (
            (good, ["stream", "list"], FAILED),
            (elsewhere, ["stream", "list"], FAILED),
            (good, ["maint", "repair", "--from", "copy"], USAGE),
            (f"postgresql://kim:{secret}@127.0.0.1:1/shop", ["maint", "stats"], FAILED),
            (f"postgresql://kim:{secret}%zz@127.0.0.1/shop", ["maint", "stats"], USAGE),
            (f"postgresql://kim:{secret}@[::1/shop", ["maint", "stats"], USAGE),
            (f"postgresql://kim@127.0.0.1/shop?password={secret}%zz", ["maint", "stats"], USAGE),
        ):
            for form in ("table", "json"):
                with self.subTest(url=url, form=form):
                    said = self.said(url, "--output", form, *arguments, exit_code=exit_code)
                    self.assertNotIn(secret, said)
                    self.assertNotEqual(said, "")
        self.append("s")
        self.assertNotIn(secret, self.said(good, "stream", "read", "nosuch"))

    def test_a_server_that_is_not_there_is_unavailable(self):
        said = self.said("postgresql://127.0.0.1:1/shop", "--output", "json", "event", "append", "s", "T")
        error = json.loads(said)["error"]
        self.assertEqual(error["code"], "unavailable")
        self.assertIn("--store", error["message"])

    def test_a_schema_of_somebody_else_is_refused(self):
        url = self.stores.url(self.store)
        schema = self.stores.schema(self.store)
        self.stores.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.orders (id integer)")
        for arguments in (["maint", "stats"], ["event", "append", "s", "T"]):
            error = json.loads(self.said(url, "--output", "json", *arguments))["error"]
            self.assertEqual(error["code"], "not_a_store")


class Maint(support.EndToEnd):
    def test_repair_is_of_files(self):
        sentence = self.error("maint", "repair", "--from", "copy", exit_code=USAGE)
        self.assertIn("has none: a store in PostgreSQL is brought back from a backup", sentence)
        sentence = self.error("maint", "repair", "--from", self.stores.url("copy"), exit_code=USAGE)
        self.assertIn("has none", sentence)

    def test_stats_and_verify_have_no_segments(self):
        self.append("s")
        stats = self.stats()
        self.assertEqual(list(stats)[:6], ["events", "streams", "head", "bytes", "engine", "durability"])
        self.assertEqual((stats["events"], stats["engine"], stats["durability"]), (1, "postgresql", "power_loss"))
        self.assertGreater(stats["bytes"], 10_000)
        report = self.object("maint", "verify")
        self.assertEqual(list(report), ["events", "bytes", "findings"])
        self.assertEqual((report["events"], report["findings"]), (1, []))
        self.assertRegex(self.text("--output", "table", "maint", "verify"), r"^1 event, \d+ bytes checked: all good")

    def test_scavenge(self):
        lines = ({"stream": f"s-{i % 2}", "type": "Filled", "data": "x" * 1000} for i in range(2_000))
        self.object("event", "import", self.write("lines.ndjson", lines))
        self.run_program("stream", "delete", "s-0", "--yes")
        before = self.text("event", "export")
        would = self.object("maint", "scavenge", "--dry-run")
        self.assertEqual(list(would), ["dry_run", "events_removed", "events_reduced", "bytes", "bytes_freed"])
        did = self.object("maint", "scavenge")
        self.assertGreater(did["bytes_freed"], 1_000_000)
        self.assertEqual({**did, "bytes": 0}, {**would, "bytes": 0, "dry_run": False})
        self.assertEqual(self.text("event", "export"), before)
        self.assertEqual(self.object("maint", "verify")["findings"], [])
        self.assertRegex(self.text("--output", "table", "maint", "scavenge"), r"^0 of [\d,]+ bytes freed: 0 events")


if __name__ == "__main__":
    support.main()
