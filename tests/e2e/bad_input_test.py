#!/usr/bin/env python3
"""Bad input of every kind gets a clear error that says what to do, and nothing is lost."""

import json
import os
import resource
import subprocess
import unittest

import support
from support import CONFLICT, DONE, FAILED, USAGE

EVENT_BYTES_MAX = 16 << 20


class UnknownStore(support.EndToEnd):
    READING = (
        ["stream", "list"],
        ["stream", "read", "s"],
        ["stream", "inspect", "s"],
        ["stream", "metadata", "s"],
        ["event", "export"],
        ["event", "replay"],
        ["event", "tail"],
        ["maint", "stats"],
        ["maint", "verify"],
    )

    def test_reading_commands_say_what_to_do_and_make_nothing(self):
        for arguments in self.READING:
            with self.subTest(arguments=arguments):
                sentence = self.error(*arguments)
                self.assertIn(self.stores.url(self.store), sentence)
                self.assertIn("--store", sentence)
                self.assertRegex(sentence, "`event-store (event import FILE|maint migrate)` makes one")
                self.assertEqual(self.error_object(*arguments)["code"], "not_found")
        self.assertEqual(list(self.folder.iterdir()), [])


@unittest.skipIf(os.environ.get("EVENT_STORE_SANITIZED") == "1", "UBSan looks at objects through a pipe of its own")
class FewDescriptors(support.EndToEnd):
    def test_are_an_error_and_no_wait_for_ever(self):
        self.append("s")
        path = self.write("events.ndjson", [{"stream": "s", "type": "T"}])
        done = {}
        for most in range(4, 16):  # with 3 the program's own libraries cannot be opened
            limit = lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            for command in (["event", "import", path], ["event", "export"], ["event", "replay"]):
                with self.subTest(most=most, command=command):
                    result = subprocess.run(self.command(*command), preexec_fn=limit, capture_output=True,
                                            timeout=support.SECONDS_MAX, check=False)  # fmt: skip
                    done[command[1]] = result.returncode == DONE
                    if result.returncode != DONE:
                        self.assertEqual(result.returncode, FAILED)
                        self.assertIn(b"Too many open files", result.stderr)
        self.assertEqual(done, {"import": True, "export": True, "replay": True})
        self.assertEqual(self.object("maint", "verify")["findings"], [])


class WrongVersion(support.EndToEnd):
    def test_says_which_was_expected_and_which_it_is(self):
        self.append("order-1")
        sentence = self.error("event", "append", "order-1", "T", "--expect", "3", exit_code=CONFLICT)
        self.assertRegex(sentence, r"order-1.*3.*1|order-1.*1.*3")
        self.assertEqual(self.stats()["events"], 1)


class InvalidUtf8(support.EndToEnd):
    def test_in_names_and_in_json(self):
        for arguments in (
            [b"s\xff", b"T"],
            [b"s", b"T\xff"],
            [b"s", b"T", b"--tag", b"\xff"],
            [b"s", b"T", b"--data", b'"\xff"'],
        ):
            with self.subTest(arguments=arguments):
                command = [*map(str.encode, self.command("event", "append")), *arguments]
                result = subprocess.run(command, capture_output=True, check=False)
                self.assertEqual(result.returncode, USAGE)
                self.assertIn(b"UTF-8", result.stderr)
                self.assertEqual(result.stderr.decode().count("\n"), 1)  # and is UTF-8 itself

    def test_is_fine_in_binary_data(self):
        self.run_program("event", "append", "s", "T", "--format", "binary", "--data", "-", input=b"\xff")


class OversizeEvent(support.EndToEnd):
    def test_the_largest_event_goes_in_and_one_byte_more_does_not(self):
        room = EVENT_BYTES_MAX - len("s") - len("T")
        self.run_program("event", "append", "s", "T", "--data", "-", input='"' + "x" * (room - 2) + '"')
        sizes = {}
        for data in ('"' + "x" * (room - 1) + '"', "x" * (EVENT_BYTES_MAX * 2)):
            error = self.error_object(
                "event", "append", "s", "T", "--format", "binary", "--data", "-", input=data, exit_code=USAGE
            )
            self.assertEqual(error["code"], "limit_exceeded")
            self.assertEqual(error["details"]["limit"], "event_bytes_max")
            sizes[len(data)] = error["details"]
        self.assertEqual(sizes[room + 1]["actual"], EVENT_BYTES_MAX + 1)
        self.assertEqual(self.stats()["events"], 1)
        exported = self.list("event", "export")
        self.assertEqual(len(exported[0]["data"]), room - 2)

    def test_in_an_import(self):
        path = self.write("big.ndjson", [{"stream": "s", "type": "T", "data": "x" * EVENT_BYTES_MAX}])
        sentence = self.error("event", "import", path)
        self.assertIn("big.ndjson line 1: ", sentence)
        self.assertRegex(sentence, "16 ?MiB|16777216|16,777,216")

    def test_a_line_without_end(self):
        path = self.folder / "endless.ndjson"
        with open(path, "wb") as file:
            file.truncate(200 << 20)
        error = self.error_object("event", "import", path)
        self.assertIn("line 1: longer than 64 MiB", error["message"])
        self.assertEqual((error["code"], error["details"]["line"]), ("bad_input", 1))
        path.write_bytes(b'{"stream":"","type":"T"}\n')
        with open(path, "r+b") as file:
            file.truncate(200 << 20)
        self.assertIn("line 1: stream is empty", self.error("event", "import", path))

    def test_large_events_in_one_import(self):
        lines = [{"stream": "s", "type": "T", "data": "x" * (10 << 20)} for _ in range(8)]
        self.assertEqual(self.object("event", "import", self.write("large.ndjson", lines))["added"], 8)


if __name__ == "__main__":
    support.main()
