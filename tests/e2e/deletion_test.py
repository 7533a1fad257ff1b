#!/usr/bin/env python3
"""stream truncate, retain, delete, tombstone, and what other commands say of deleted streams"""

import fcntl
import os
import pty
import subprocess
import termios

import support
from support import CONFLICT, DONE, FAILED, USAGE

DELETIONS = (
    ["truncate", "s-1", "--before", "3"],
    ["retain", "s-1", "--max-count", "1"],
    ["delete", "s-1"],
    ["tombstone", "s-1"],
)
KEYS = CTRL_C, CTRL_D = "\x03", "\x04"


class Deletion(support.EndToEnd):
    def setUp(self):
        super().setUp()
        lines = [{"stream": f"s-{n % 2 + 1}", "type": "T", "data": {"n": n}} for n in range(8)]
        self.file = self.write("events.ndjson", lines)
        self.run_program("event", "import", self.file)

    def versions(self, *options):
        return [event["version"] for event in self.list("stream", "read", "s-1", *options)]

    def positions(self):
        return [event["position"] for event in self.list("event", "tail")]

    def names(self, *options):
        return [stream["stream"] for stream in self.list("stream", "list", *options)]

    def test_truncates(self):
        self.assertEqual(
            self.object("stream", "truncate", "s-1", "--before", "3", "--yes"),
            {
                "stream": "s-1",
                "changed": True,
                "position": 9,
                "events_gone": 2,
                "version": 4,
                "first_version": 3,
                "events": 2,
                "state": "live",
                "truncate_before": 3,
                "max_count": None,
                "max_age_seconds": None,
            },
        )
        self.assertEqual(self.versions(), [3, 4])
        self.assertEqual(self.positions(), [2, 4, 5, 6, 7, 8])
        again = self.object("stream", "truncate", "s-1", "--before", "2", "--yes")
        self.assertEqual((again["changed"], again["truncate_before"]), (False, 3))
        self.error("stream", "truncate", "s-1", "--before", "6", "--yes", exit_code=USAGE)
        self.error("stream", "truncate", "s-1", "--before", "0", "--yes", exit_code=USAGE)
        self.error("stream", "truncate", "s-1", "--yes", exit_code=USAGE)

    def test_retains(self):
        retained = self.object("stream", "retain", "s-1", "--max-count", "3", "--yes")
        self.assertEqual((retained["max_count"], retained["events_gone"]), (3, 1))
        self.assertEqual(self.versions(), [2, 3, 4])
        retained = self.object("stream", "retain", "s-1", "--max-age", "2w", "--yes")
        self.assertEqual((retained["max_count"], retained["max_age_seconds"]), (3, 1209600))
        retained = self.object("stream", "retain", "s-1", "--clear", "--max-count", "9", "--yes")
        self.assertEqual((retained["max_count"], retained["max_age_seconds"]), (9, None))
        self.assertEqual(retained["truncate_before"], 2)
        retained = self.object("stream", "retain", "s-1", "--clear", "--yes")
        self.assertEqual((retained["max_count"], retained["events"]), (None, 3))
        for wrong in ([], ["--max-count", "0"], ["--max-age", "5"], ["--max-age", "0d"], ["--max-age", "d"]):
            self.error("stream", "retain", "s-1", *wrong, "--yes", exit_code=USAGE)

    def test_retains_what_is_yet_to_come(self):
        self.run_program("stream", "retain", "new", "--max-count", "1", "--yes", "--expect", "none")
        for _ in range(3):
            self.append("new")
        self.assertEqual([event["version"] for event in self.list("stream", "read", "new")], [3])

    def test_deletes_and_begins_again(self):
        deleted = self.object("stream", "delete", "s-1", "--yes")
        self.assertEqual((deleted["events_gone"], deleted["state"]), (4, "deleted"))
        self.assertEqual(self.names(), ["s-2"])
        self.assertEqual(self.names("--deleted"), ["s-1", "s-2"])
        self.assertEqual(self.list("stream", "list", "--deleted")[0]["state"], "deleted")
        self.assertEqual(self.error_object("stream", "read", "s-1")["code"], "not_found")
        found = self.object("stream", "inspect", "s-1")
        self.assertEqual((found["state"], found["events"], found["first_version"]), ("deleted", 0, 5))
        self.assertFalse(self.object("stream", "delete", "s-1", "--yes")["changed"])
        self.assertEqual(self.append("s-1", expect="none")["version"], 5)
        self.assertEqual(self.versions(), [5])

    def test_tombstones(self):
        self.assertEqual(self.object("stream", "tombstone", "s-1", "--yes")["state"], "tombstoned")
        self.assertEqual(self.names("--deleted"), ["s-1", "s-2"])
        self.assertEqual(self.error_object("stream", "read", "s-1")["code"], "stream_deleted")
        for command in (
            ["event", "append", "s-1", "T"],
            *(["stream", *deletion, "--yes"] for deletion in DELETIONS),
            ["stream", "metadata", "s-1", "--set", "{}"],
        ):
            with self.subTest(command=command):
                error = self.error_object(*command, exit_code=CONFLICT)
                self.assertEqual((error["code"], error["details"]), ("stream_deleted", {"stream": "s-1"}))

    def test_expects_a_version(self):
        for deletion in DELETIONS:
            with self.subTest(deletion=deletion):
                error = self.error_object(
                    "stream", *deletion, "--yes", "--expect", "3", exit_code=CONFLICT
                )
                self.assertEqual(error["details"], {"stream": "s-1", "expected": "3", "actual": 4})
                self.error("stream", *deletion, "--yes", "--expect", "x", exit_code=USAGE)
        self.run_program("stream", "truncate", "s-1", "--before", "2", "--yes", "--expect", "4")
        self.run_program("stream", "delete", "s-1", "--yes", "--expect", "exists")
        self.run_program("stream", "delete", "s-1", "--yes", "--expect", "exists", exit_code=CONFLICT)

    def test_asks_for_a_yes_in_scripts(self):
        for deletion in DELETIONS:
            with self.subTest(deletion=deletion):
                self.assertIn("--yes", self.error("stream", *deletion, exit_code=USAGE))
        self.assertEqual(self.versions(), [1, 2, 3, 4])

    def test_refuses_before_it_asks(self):
        for arguments, code in (
            (["truncate", "s-1", "--before", "10"], USAGE),
            *((deletion + ["--expect", "5"], CONFLICT) for deletion in DELETIONS),
        ):
            with self.subTest(arguments=arguments):
                sentence = self.error("stream", *arguments, exit_code=code)
                self.assertNotIn("--yes", sentence)
                said, answered = self.answer("yes", "stream", *arguments)
                self.assertEqual(answered, code, said)
                self.assertNotIn("go on", said)
                self.assertEqual(self.error("stream", *arguments, "--yes", exit_code=code), sentence)
        self.run_program("stream", "metadata", "s-2", "--set", "{}")
        for verb, *options in DELETIONS:
            self.assertIn("cannot be deleted", self.error("stream", verb, "$$s-2", *options[1:], exit_code=USAGE))
        self.run_program("stream", "tombstone", "s-1", "--yes")
        for deletion in DELETIONS:
            for expect in ([], ["--expect", "any"]):
                error = self.error_object("stream", *deletion, *expect, exit_code=CONFLICT)
                self.assertEqual(error["code"], "stream_deleted")

    def test_asks_nothing_where_nothing_is_deleted(self):
        self.assertEqual(self.object("stream", "truncate", "s-1", "--before", "1")["events_gone"], 0)
        self.run_program("stream", "truncate", "s-1", "--before", "3", "--yes")
        self.assertFalse(self.object("stream", "truncate", "s-1", "--before", "2")["changed"])
        self.run_program("stream", "delete", "s-1", "--yes")
        self.assertFalse(self.object("stream", "delete", "s-1")["changed"])
        self.assertIn("--yes", self.error("stream", "tombstone", "s-1", exit_code=USAGE))

    def test_a_stream_that_is_not_there(self):
        for verb in (["truncate", "--before", "1"], ["delete"], ["tombstone"]):
            error = self.error_object("stream", verb[0], "absent", *verb[1:], "--yes", exit_code=FAILED)
            self.assertEqual(error["code"], "not_found")
            for expect in ("exists", "none", "3"):
                error = self.error_object("stream", verb[0], "absent", *verb[1:], "--yes", "--expect", expect)
                self.assertEqual(error["code"], "not_found")

    def answer(self, answer, *arguments):
        """What the program says at a terminal, where it is answered so; and its exit code."""

        def take_terminal():  # for Ctrl-C to reach it
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        outer, inner = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments), stdin=inner, stderr=inner, stdout=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
        os.close(inner)
        said = b""
        while True:
            try:
                said += os.read(outer, 4096)
            except OSError:  # the other end is closed
                break
            if said.endswith(b"go on: "):
                os.write(outer, answer.encode() if answer in KEYS else answer.encode() + b"\n")
        os.close(outer)
        return said.decode(), process.wait(support.SECONDS_MAX)

    def test_asks_on_a_terminal(self):
        for deletion, words in zip(DELETIONS, ("1 to 2", "1 to 3", "1 to 4", "for ever")):
            with self.subTest(deletion=deletion):
                for answer in ("no", "", "y"):
                    said, code = self.answer(answer, "stream", *deletion)
                    self.assertEqual(code, FAILED, said)
                    self.assertIn(words, said)
                    self.assertIn('"s-1"', said)
        self.assertEqual(self.versions(), [1, 2, 3, 4])
        said, code = self.answer("yes", "stream", "delete", "s-1")
        self.assertEqual(code, DONE, said)
        self.assertEqual(self.names(), ["s-2"])

    def test_ends_the_line_of_a_question_that_is_not_answered(self):
        for key in KEYS:
            with self.subTest(key=key):
                said, code = self.answer(key, "stream", "delete", "s-1")
                self.assertEqual(code, FAILED, said)
                self.assertRegex(said, r"go on: (\^C)?\r\nevent-store: nothing was deleted\r\n$")
        self.assertEqual(self.versions(), [1, 2, 3, 4])

    def test_says_what_retention_deletes(self):
        def said(*options):
            return self.error("stream", "retain", "s-1", *options, exit_code=USAGE).split(";")[0]

        lose = 'stream "s-1" will lose '
        for age in ("52w", "90m", "1s"):
            self.assertEqual(said("--max-age", age), f"{lose}all that is older than {age}, which is not counted")
        self.assertEqual(
            said("--max-age", "7d", "--max-count", "2"),
            lose + "all but its last 2 events, which deletes 2 events (versions 1 to 2) at once, "
            "and all that is older than 1w, which is not counted",
        )

    def test_export_leaves_out_what_is_gone(self):
        self.run_program("stream", "truncate", "s-1", "--before", "4", "--yes")
        self.run_program("stream", "delete", "s-2", "--yes")
        exported = self.list("event", "export")
        self.assertEqual([event["position"] for event in exported], [7])

    def test_an_import_of_an_export_loses_nothing(self):
        self.run_program("stream", "truncate", "s-1", "--before", "4", "--yes")
        self.run_program("stream", "retain", "s-1", "--max-count", "5", "--yes")
        self.run_program("stream", "tombstone", "s-2", "--yes")
        self.append("s-1")
        file = self.folder / "all.ndjson"
        self.run_program("event", "export", file, "--system")
        copy = self.folder / "copy"
        added = self.object("event", "import", file, "--system", store=copy)
        self.assertEqual(added["added"], 5)
        events = self.list("stream", "read", "s-1", store=copy)
        self.assertEqual([event["version"] for event in events], [1, 2])
        found = self.object("stream", "inspect", "s-1", store=copy)
        self.assertEqual((found["max_count"], found["truncate_before"]), (5, 1))
        self.assertEqual(self.error_object("stream", "read", "s-2", store=copy)["code"], "stream_deleted")
        for store in (copy, None):
            again = self.object("event", "import", file, "--system", store=store)
            self.assertEqual(again["added"], 0)

    def test_an_import_adds_nothing_that_was_deleted(self):
        self.run_program("stream", "delete", "s-1", "--yes")
        self.assertEqual(self.object("event", "import", self.file)["added"], 0)
        self.assertEqual(self.names(), ["s-2"])

    def test_a_repetition_of_what_was_deleted_says_where_it_was(self):
        id_ = "018f31d2-5a00-7c1e-8a4b-5d6e7f8091a2"
        first = self.append("s-3", id=id_)
        self.run_program("stream", "delete", "s-3", "--yes")
        self.assertEqual(self.append("s-3", id=id_), first | {"repeated": True})


if __name__ == "__main__":
    support.main()
