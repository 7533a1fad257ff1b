#!/usr/bin/env python3
"""event append"""

import base64
import uuid

import support
from support import CONFLICT, USAGE


class Append(support.EndToEnd):
    def test_makes_the_store_and_says_where_the_event_is(self):
        first = self.append("order-1", data='{"total": 12}')
        self.assertEqual((first["stream"], first["version"], first["position"]), ("order-1", 1, 1))
        self.assertEqual(uuid.UUID(first["id"]).version, 7)
        self.assertIs(first["repeated"], False)
        second = self.append("order-1", "Closed")
        self.assertEqual((second["version"], second["position"]), (2, 2))

    def test_keeps_all_that_it_is_given(self):
        id_ = str(uuid.uuid4())
        self.run_program(
            "event", "append", "order-1", "Opened", "--data", '{"a": [1,  2.50]}', "--metadata", '{"m":1}',
            "--tag", "region:north", "--tag", "[odd, tag]", "--id", id_, "--schema-version", "3",
            "--time", "2010-10-02T09:20:39.5+02:00",
        )  # fmt: skip
        line = self.text("stream", "read", "order-1")
        self.assertIn('"data":{"a": [1,  2.50]}', line)
        event = self.list("stream", "read", "order-1")[0]
        recorded_at = event.pop("recorded_at")
        self.assertRegex(recorded_at, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(
            event,
            {
                "stream": "order-1",
                "type": "Opened",
                "id": id_,
                "time": "2010-10-02T07:20:39.500000Z",
                "data": {"a": [1, 2.5]},
                "metadata": {"m": 1},
                "tags": ["region:north", "[odd, tag]"],
                "schema_version": 3,
                "version": 1,
                "position": 1,
            },
        )

    def test_leaves_out_what_was_not_given(self):
        self.append("order-1")
        event = self.list("stream", "read", "order-1")[0]
        self.assertEqual(set(event) - {"data"}, {"stream", "type", "id", "version", "position", "recorded_at"})

    def test_reads_data_from_a_file_or_from_standard_input(self):
        path = self.folder / "data.json"
        path.write_text('{"from":"file"}')
        self.append("order-1", data=f"@{path}")
        self.run_program("event", "append", "order-1", "T", "--data", "-", input='{"from":"stdin"}')
        events = self.list("stream", "read", "order-1")
        self.assertEqual([event["data"]["from"] for event in events], ["file", "stdin"])
        self.assertIn("/no/such/file", self.error("event", "append", "s", "T", "--data", "@/no/such/file"))

    def test_white_space_around_json_of_a_file_is_not_data(self):
        path = self.folder / "data.json"
        path.write_text('\r\n\t {"a": [1,  2]}\n\n')
        self.append("s", data=f"@{path}")
        self.run_program("event", "append", "s", "T", "--data", "-", input='{"a": [1,  2]}\n')
        self.run_program("event", "append", "s", "T", "--data", "-", input="\n")
        text = self.text("stream", "read", "s")
        self.assertEqual(text.count('"data":{"a": [1,  2]}'), 2)
        self.assertNotIn("data", self.list("stream", "read", "s")[2])
        self.run_program("event", "append", "b", "T", "--format", "binary", "--data", f"@{path}")
        stored = self.list("stream", "read", "b")[0]["data_base64"]
        self.assertEqual(base64.b64decode(stored), path.read_bytes())

    def test_metadata_is_json_as_it_stands_or_in_a_file(self):
        path = self.write("metadata.json", [b'{"user":"kim"}'])
        self.append("s", metadata=f"@{path}")
        self.assertEqual(self.list("stream", "read", "s")[0]["metadata"], {"user": "kim"})
        path.write_text("kim")
        for value in ("nojson", "-", f"@{path}"):
            with self.subTest(value=value):
                sentence = self.error("event", "append", "s", "T", "--metadata", value, exit_code=USAGE)
                self.assertIn(f"--metadata: not one JSON value: {value}", sentence)
        self.assertIn("/no/file", self.error("event", "append", "s", "T", "--metadata", "@/no/file"))

    def test_takes_binary_data(self):
        data = bytes(range(256))
        self.run_program("event", "append", "s", "T", "--format", "binary", "--data", "-", input=data)
        event = self.list("stream", "read", "s")[0]
        self.assertEqual(event["format"], "binary")
        self.assertNotIn("data", event)
        self.assertEqual(base64.b64decode(event["data_base64"]), data)

    def test_the_same_id_again_adds_nothing(self):
        id_ = str(uuid.uuid4())
        first = self.append("s", id=id_)
        self.append("s")
        again = self.append("s", id=id_, expect="none")
        self.assertIs(again.pop("repeated"), True)
        first.pop("repeated")
        self.assertEqual(again, first)
        self.assertEqual(self.stats()["events"], 2)

    def test_expectations(self):
        self.append("s", expect="none")
        self.append("s", expect="1")
        self.append("s", expect="exists")
        self.append("s", expect="any")
        self.append("t", expect="0")
        for expected, said in (("none", "no_stream"), ("1", "1"), ("5", "5")):
            with self.subTest(expected=expected):
                error = self.error_object(
                    "event", "append", "s", "T", "--expect", expected, exit_code=CONFLICT
                )
                self.assertEqual(error["code"], "wrong_expected_version")
                self.assertEqual(error["details"], {"stream": "s", "expected": said, "actual": 4})
        error = self.error_object("event", "append", "new", "T", "--expect", "exists", exit_code=CONFLICT)
        self.assertEqual(error["details"], {"stream": "new", "expected": "stream_exists", "actual": 0})
        self.assertEqual(self.stats()["events"], 5)

    def test_a_conflict_is_told_in_a_sentence(self):
        self.append("s")
        for stream, expected, said in (
            ("s", "7", "was expected at version 7, but is at version 1"),
            ("s", "none", "was expected not to exist, but is at version 1"),
            ("t", "exists", "was expected to exist, but is not there"),
            ("t", "1", "was expected at version 1, but is not there"),
        ):
            with self.subTest(stream=stream, expected=expected):
                sentence = self.error("event", "append", stream, "T", "--expect", expected, exit_code=CONFLICT)
                self.assertEqual(sentence, f'stream "{stream}" {said}')

    def test_refuses_values_that_an_option_cannot_take(self):
        for option, value in (
            ("--expect", "sometimes"),
            ("--expect", "-1"),
            ("--id", "7"),
            ("--time", "yesterday"),
            ("--format", "xml"),
            ("--schema-version", "x"),
            ("--schema-version", "010"),  # not octal
            ("--schema-version", "0x10"),
            ("--schema-version", "4294967296"),
        ):
            with self.subTest(option=option, value=value):
                self.assertIn(value, self.error("event", "append", "s", "T", option, value, exit_code=USAGE))
        self.assertFalse(self.exists())

    def test_refuses_what_the_store_cannot_take_and_makes_none(self):
        for arguments, named in (
            (["s", "T", "--data", "{oops"], "data \"{oops\" is not one valid JSON value"),
            (["s", "T", "--data", "@"], "@ names no file"),
            (["s", "T", "--id", str(uuid.UUID(int=0))], "id is the nil UUID"),
            (["s", "T", "--schema-version", "0"], "schema_version is 0"),
            (["s", "T", "--tag", ""], "tag is empty"),
            (["", "T"], "stream is empty"),
            (["s" * 513, "T"], "513"),
            (["$s", "T"], "STREAM: names that start with '$' are the store's own: $s"),
            (["s", "$T"], "TYPE: names that start with '$' are the store's own: $T"),
        ):
            with self.subTest(arguments=arguments):
                sentence = self.error("event", "append", *arguments, exit_code=USAGE)
                self.assertIn(named, sentence)
                self.assertNotIn("events[0]", sentence)
        self.assertFalse(self.exists())


if __name__ == "__main__":
    support.main()
