#!/usr/bin/env python3
"""stream list, inspect, read, metadata"""

import json

import support
from support import FAILED, TRUTH, USAGE

LIST_FIELDS = ["stream", "version", "events", "first_position", "last_position", "state"]


class Streams(support.EndToEnd):
    def orders(self):
        for stream in ("order-1", "order-2", "order-1", "cart-1", "order-2", "order-1"):
            self.append(stream, data='{"n":1}')

    def names(self, *options):
        return [stream["stream"] for stream in self.list("stream", "list", *options)]

    def test_lists_streams_in_each_form(self):
        self.orders()
        expected = [
            dict(zip(LIST_FIELDS, row))
            for row in (
                ("cart-1", 1, 1, 4, 4, "live"),
                ("order-1", 3, 3, 1, 6, "live"),
                ("order-2", 2, 2, 2, 5, "live"),
            )
        ]
        self.assertEqual(self.list("stream", "list"), expected)  # in a pipe: ndjson
        self.assertEqual(self.list("stream", "list", "--output", "ndjson"), expected)
        self.assertEqual(json.loads(self.text("--output", "json", "stream", "list")), expected)
        self.assertEqual(
            self.text("--output", "table", "stream", "list"),
            "stream   version  events  first_position  last_position  state\n"
            "cart-1         1       1               4              4  live\n"
            "order-1        3       3               1              6  live\n"
            "order-2        2       2               2              5  live\n",
        )

    def test_lists_a_selection(self):
        self.orders()
        self.assertEqual(self.names("--prefix", "order-"), ["order-1", "order-2"])
        self.assertEqual(self.names("--prefix", "x"), [])
        self.assertEqual(self.names("--category", "cart"), ["cart-1"])
        self.assertEqual(self.names("--category", "car"), [])
        self.assertEqual(self.names("--limit", "2"), ["cart-1", "order-1"])
        self.assertEqual(self.names("--limit", "0"), [])

    def test_sorts(self):
        self.orders()
        self.assertEqual(self.names("--sort", "name"), ["cart-1", "order-1", "order-2"])
        self.assertEqual(self.names("--sort", "length"), ["order-1", "order-2", "cart-1"])
        self.assertEqual(self.names("--sort", "last"), ["order-1", "order-2", "cart-1"])
        self.append("cart-1")
        self.assertEqual(self.names("--sort", "last", "--limit", "2"), ["cart-1", "order-1"])
        self.assertEqual(self.names("--sort", "length", "--limit", "1"), ["order-1"])

    def test_lists_system_streams_when_asked(self):
        self.orders()
        self.run_program("stream", "metadata", "cart-1", "--set", "{}")
        self.assertNotIn("$$cart-1", self.names())
        self.assertIn("$$cart-1", self.names("--system"))

    def test_longest_streams_of_the_permits(self):
        self.import_permits()
        longest = self.list("stream", "list", "--sort", "length", "--limit", "20")
        counts = {stream["stream"]: stream["events"] for stream in longest}
        truth = dict(map(tuple, TRUTH["longest_streams"]))
        self.assertEqual(sorted(counts.values()), sorted(truth.values()))
        shortest = min(truth.values())  # several streams may share the last places
        self.assertEqual(
            {name for name, count in counts.items() if count > shortest},
            {name for name, count in truth.items() if count > shortest},
        )

    def test_lists_more_streams_than_a_page_holds(self):
        lines = [{"stream": f"s-{n:05}", "type": "T"} for n in range(10_001)]
        self.run_program("event", "import", self.write("many.ndjson", lines))
        self.assertEqual(self.names(), [line["stream"] for line in lines])
        self.assertEqual(len(self.names("--limit", "10001")), 10_001)

    def test_inspects(self):
        self.append("order-1", "Opened", data='{"n":1}', time="2020-01-01T00:00:00Z")
        self.append("order-1", "Paid", data='{"n":12}', metadata="{}")
        self.append("order-1", "Paid", time="2020-01-03T00:00:00Z")
        found = self.object("stream", "inspect", "order-1")
        self.assertLessEqual(found.pop("first_recorded_at"), found.pop("last_recorded_at"))
        self.assertEqual(
            found,
            {
                "stream": "order-1",
                "category": "order",
                "state": "live",
                "version": 3,
                "first_version": 1,
                "events": 3,
                "first_position": 1,
                "last_position": 3,
                "first_time": "2020-01-01T00:00:00.000000Z",
                "last_time": "2020-01-03T00:00:00.000000Z",
                "data_bytes": 15,
                "metadata_bytes": 2,
                "truncate_before": 0,
                "max_count": None,
                "max_age_seconds": None,
                "types": {"Paid": 2, "Opened": 1},
            },
        )
        table = self.text("--output", "table", "stream", "inspect", "order-1")
        self.assertRegex(table, r"(?m)^stream +order-1$")
        self.assertRegex(table, r"(?m)^  Paid +2$")

    def test_reads(self):
        self.orders()
        versions = lambda *options: [e["version"] for e in self.list("stream", "read", "order-1", *options)]
        self.assertEqual(versions(), [1, 2, 3])
        self.assertEqual(versions("--from", "2"), [2, 3])
        self.assertEqual(versions("--from", "4"), [])
        self.assertEqual(versions("--limit", "2"), [1, 2])
        self.assertEqual(versions("--backwards"), [3, 2, 1])
        self.assertEqual(versions("--backwards", "--from", "2", "--limit", "1"), [2])
        table = self.text("--output", "table", "stream", "read", "order-1")
        self.assertEqual(table.splitlines()[0].split(), ["position", "version", "stream", "type", "time", "data"])
        self.assertEqual(len(table.splitlines()), 4)
        self.assertEqual(len(json.loads(self.text("--output", "json", "stream", "read", "order-1"))), 3)

    def test_a_stream_that_is_not_there(self):
        self.orders()
        for verb in ("read", "inspect"):
            error = self.error_object("stream", verb, "order-9", exit_code=FAILED)
            self.assertEqual(error["code"], "not_found")
            self.assertIn("order-9", error["message"])

    def test_names_that_no_stream_can_have(self):
        self.append("s")
        for verb in ("read", "inspect", "metadata"):
            for name in ("", "s" * 513, "a\nb"):
                with self.subTest(verb=verb, name=name):
                    self.error("stream", verb, name, exit_code=USAGE)

    def test_metadata(self):
        self.append("s")
        self.assertEqual(
            self.object("stream", "metadata", "s"), {"stream": "s", "version": 0, "metadata": {}}
        )
        expected = {"stream": "s", "version": 1, "metadata": {"owner": "me"}}
        self.assertEqual(self.object("stream", "metadata", "s", "--set", '{"owner": "me"}'), expected)
        self.assertEqual(self.object("stream", "metadata", "s"), expected)
        file = self.write("metadata.json", [b'{"owner":"you"}'])
        of_file = self.object("stream", "metadata", "s", "--set", f"@{file}")
        self.assertEqual(of_file["metadata"], {"owner": "you"})
        for refused in ("[1]", '{"$x":1}', "", "@"):
            self.error("stream", "metadata", "s", "--set", refused, exit_code=USAGE)

    def test_metadata_keeps_its_spelling(self):
        self.append("s")
        for json_, expected in (
            ('{"n": 12345678901234567890123, "z": 0.10, "n": 1e999}', None),
            ('{"half":"\\ud800"}', None),
            ('\n{"a":\r\n[1]}', ' {"a":  [1]}'),
        ):
            with self.subTest(json=json_):
                self.run_program("stream", "metadata", "s", "--set", json_)
                for form in ("json", "ndjson"):
                    text = self.text("--output", form, "stream", "metadata", "s")
                    self.assertIn(expected or json_, text)
                    self.assertEqual(list(json.loads(text)), ["stream", "version", "metadata"])
                self.assertRegex(self.text("--output", "table", "stream", "metadata", "s"), "(?m)^metadata")

    def test_metadata_that_is_no_json_is_an_error(self):
        for data in ({}, {"format": "binary", "data_base64": "/w=="}):
            with self.subTest(data=data):
                path = self.write("own.ndjson", [{"stream": "$$s", "type": "$metadata"} | data])
                self.run_program("event", "import", path, "--system")
                error = self.error_object("stream", "metadata", "s")
                self.assertEqual((error["code"], error["details"]), ("not_json", {"stream": "s"}))
        self.assertEqual(self.object("stream", "metadata", "s", "--set", "{}")["metadata"], {})

    def test_a_table_has_a_dash_where_there_is_no_value(self):
        self.append("s")
        self.assertRegex(self.text("--output", "table", "stream", "inspect", "s"), r"(?m)^max_age_seconds +-$")


if __name__ == "__main__":
    support.main()
