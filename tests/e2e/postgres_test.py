#!/usr/bin/env python3
"""What is of stores in PostgreSQL alone."""

import json
import re
import subprocess
import urllib.parse

import support
from support import DONE, FAILED, PROGRAM, USAGE


class PostgresEndToEnd(support.EndToEnd):
    def said(self, url, *arguments, exit_code=FAILED):
        """All that the program writes of a store at `url`."""
        result = subprocess.run([PROGRAM, "--store", url, *arguments], capture_output=True, text=True,
                                timeout=support.SECONDS_MAX, check=False)  # fmt: skip
        self.assertEqual(result.returncode, exit_code, result.stderr)
        return result.stdout + result.stderr


class StoreUrl(PostgresEndToEnd):
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
            (f"postgresql://kim:{secret}@127.0.0.1:1/shop?patience=1", ["maint", "stats"], FAILED),
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
        said = self.said("postgresql://127.0.0.1:1/shop?patience=1", "--output", "json", "event", "append", "s", "T")
        error = json.loads(said.splitlines()[-1])["error"]  # after a notice
        self.assertEqual(error["code"], "unavailable")
        self.assertIn("--store", error["message"])

    def test_a_schema_of_somebody_else_is_refused(self):
        url = self.stores.url(self.store)
        schema = self.stores.schema(self.store)
        self.stores.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.orders (id integer)")
        for arguments in (["maint", "stats"], ["event", "append", "s", "T"]):
            error = json.loads(self.said(url, "--output", "json", *arguments))["error"]
            self.assertEqual(error["code"], "not_a_store")


class Messages(PostgresEndToEnd):
    def test_what_is_missing_is_named(self):
        self.assertIn("`event-store maint migrate` makes one", self.error("event", "tail"))
        self.assertIn("`event-store maint migrate` makes one", self.error("maint", "partition"))
        parts = urllib.parse.urlsplit(self.stores.url(self.store))
        said = self.said(urllib.parse.urlunsplit(parts._replace(path="/nowhere")), "event", "tail")
        self.assertIn("make the database", said)
        self.assertNotIn("can be reached", said)

    def test_a_newer_schema_is_not_to_be_migrated(self):
        self.append("s")
        self.stores.query(f"INSERT INTO {self.stores.schema(self.store)}.migrations VALUES (1000, 'later')")
        for arguments in (["event", "tail"], ["maint", "partition"], ["maint", "migrate"]):
            with self.subTest(arguments=arguments):
                sentence = self.error(*arguments)
                self.assertIn("use a newer version of this program", sentence)
                self.assertNotIn("maint migrate", sentence)


class Projections(PostgresEndToEnd):
    def test_a_rebuild_outlives_its_session(self):
        self.append("s", "A")
        self.run_program("projection", "run", "event-type-count", "--once")
        view = f"{self.stores.schema(self.store)}.projection_event_type_count"
        with self.stores.session() as reader:
            # Whoever reads the view keeps the rebuild from its switch.
            reader.stdin.write(f"BEGIN; SELECT key FROM {view};\n")
            reader.stdin.flush()
            self.assertEqual(reader.stdout.readline(), "A\n")
            rebuild = self.start("projection", "rebuild", "event-type-count", text=True)
            waiting = f"FROM pg_locks WHERE relation = '{view}'::regclass AND NOT granted"
            for _ in range(10_000):
                if self.stores.query(f"SELECT pg_terminate_backend(pid) {waiting}"):
                    break
            self.assertIn("warning: trying again", rebuild.stderr.readline())
            reader.stdin.write("COMMIT;\n")
        said, complaint = rebuild.communicate(timeout=support.SECONDS_MAX)
        self.assertEqual(rebuild.returncode, DONE, complaint)
        self.assertEqual(json.loads(said)["events"], 1)


class Maint(PostgresEndToEnd):
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

    def test_stats_tell_of_partitions_tables_and_indexes(self):
        self.append("s")
        stats = self.stats()
        self.assertEqual(list(stats)[6:], ["partitions", "tables", "indexes"])
        self.assertEqual([one["state"] for one in stats["partitions"]], ["stored", "empty", "empty", "empty"])
        self.assertEqual(
            list(stats["tables"][0]),
            ["table", "rows", "dead_rows", "bytes", "index_bytes", "sequential_scans", "index_scans",
             "vacuumed_at", "analyzed_at"],
        )  # fmt: skip
        self.assertEqual(list(stats["indexes"][0]), ["index", "table", "bytes", "scans", "valid"])
        table = self.text("--output", "table", "maint", "stats")
        self.assertRegex(table, r"(?m)^events +1$")
        self.assertRegex(table, r"(?m)^month +state +first_position")
        self.assertRegex(table, r"(?m)^index +bytes +scans +valid$")

    def test_migrate_makes_a_store_and_brings_it_up_to_date(self):
        made = self.object("maint", "migrate")
        self.assertEqual(made["from"], 0)
        self.assertGreater(made["to"], 0)
        self.assertEqual(self.object("maint", "migrate"), {"from": made["to"], "to": made["to"]})
        self.assertEqual([one["state"] for one in self.list("maint", "partition", "--list")], ["empty"] * 4)
        self.assertEqual(self.stats()["events"], 0)

    def test_partitions(self):
        self.append("s")
        months = self.list("maint", "partition", "--list")
        self.assertEqual(list(months[0]), ["month", "state", "first_position", "last_position", "events", "bytes"])
        self.assertEqual((months[0]["first_position"], months[0]["last_position"], months[0]["events"]), (1, 1, 1))
        self.assertEqual(self.object("maint", "partition")["made"], [])
        self.assertEqual(len(self.object("maint", "partition", "--ahead", "5")["made"]), 2)
        self.assertEqual(len(self.list("maint", "partition", "--list")), 6)
        for arguments in (["--detach", months[0]["month"]], ["--attach", months[0]["month"]], ["--detach", "May"],
                          ["--detach", ""], ["--attach", ""],
                          ["--ahead", "121"], ["--list", "--ahead", "1"]):  # fmt: skip
            with self.subTest(arguments=arguments):
                self.error("maint", "partition", *arguments, exit_code=USAGE)

    def test_a_month_comes_and_goes(self):
        self.append("s")
        self.append("t")
        schema = self.stores.schema(self.store)
        # As if the first event had been recorded a month before the second.
        self.stores.query(f"""
            BEGIN;
            CREATE TABLE {schema}.events_2020_01 PARTITION OF {schema}.events
              FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-02-01 00:00:00+00');
            CREATE UNIQUE INDEX ON {schema}.events_2020_01 (position);
            CREATE UNIQUE INDEX ON {schema}.events_2020_01 (stream_id, version);
            CREATE TABLE {schema}.tags_2020_01 PARTITION OF {schema}.tags
              FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-02-01 00:00:00+00');
            CREATE UNIQUE INDEX ON {schema}.tags_2020_01 (tag, position);
            UPDATE {schema}.events SET recorded_at = '2020-01-10 00:00:00+00' WHERE position = 1;
            UPDATE {schema}.streams SET month = 202001 WHERE name = 's';
            UPDATE {schema}.months SET first_position = 2;
            INSERT INTO {schema}.months VALUES (202001, 1, false);
            COMMIT""")
        before = self.text("event", "export")
        self.assertEqual(self.object("maint", "partition", "--detach", "2020-01"),
                         {"month": "2020-01", "state": "detached"})  # fmt: skip
        error = self.error_object("event", "export")
        self.assertEqual(error["code"], "archived")
        self.assertIn("maint partition --attach MONTH", error["message"])
        self.assertEqual(len(self.list("stream", "read", "t")), 1)
        self.assertEqual(self.object("maint", "verify")["findings"], [])
        self.assertEqual(self.append("s")["version"], 2)
        self.assertEqual(self.list("maint", "partition", "--list")[0]["state"], "detached")
        self.object("maint", "partition", "--attach", "2020-01")
        self.assertTrue(self.text("event", "export").startswith(before))

    def test_vacuum(self):
        self.append("s")
        names = [one["table"] for one in self.list("maint", "vacuum", "--all")]
        self.assertIn("event_ids", names)
        self.assertEqual(self.list("maint", "vacuum"), [])

    def test_index(self):
        self.append("s", data='{"customer":7}')
        indexes = self.object("maint", "index", "--json", "--type", "Opened", "--type", "Closed")["indexes"]
        self.assertEqual(len(indexes), 5)
        self.assertEqual(self.object("maint", "index", "--json")["indexes"][:5], indexes)
        self.error("maint", "index", exit_code=USAGE)
        schema = self.stores.schema(self.store)
        found = self.stores.query(f"""SELECT stream FROM {schema}.json_events WHERE json @> '{{"customer": 7}}'""")
        self.assertEqual(found, "s")

    def test_help_has_an_example_fits_80_columns_and_is_in_the_manual(self):
        manual = (support.ROOT / "docs" / "cli.md").read_text()
        for verb in ("migrate", "partition", "vacuum", "index"):
            with self.subTest(verb=verb):
                text = self.text("maint", verb, "--help")
                self.assertIn(f"event-store maint {verb}", text.split("Example:")[1])
                self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
                for option in re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE):
                    self.assertIn(option, manual)

    def test_commands_of_its_own_are_of_a_store_in_postgresql(self):
        for arguments in (["migrate"], ["partition", "--list"], ["vacuum"], ["index", "--json"]):
            with self.subTest(arguments=arguments):
                said = self.said("file:store", "maint", *arguments, exit_code=USAGE)
                self.assertIn("is for stores in PostgreSQL; file:store is none", said)
                error = self.error_object("maint", *arguments) if arguments != ["migrate"] else None
                if error:
                    self.assertEqual(error["code"], "not_found")


if __name__ == "__main__":
    support.main()
