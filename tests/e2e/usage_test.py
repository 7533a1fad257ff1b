#!/usr/bin/env python3
"""The command line itself: help, version, wrong usage, where the store is, closed pipes."""

import json
import os
import re
import subprocess

import support
from support import PROGRAM, USAGE

COMMANDS = [
    "stream list",
    "stream inspect",
    "stream read",
    "stream metadata",
    "stream truncate",
    "stream retain",
    "stream delete",
    "stream tombstone",
    "event append",
    "event import",
    "event export",
    "event replay",
    "event tail",
    "projection list",
    "projection status",
    "projection run",
    "projection rebuild",
    "projection pause",
    "projection resume",
    "projection reset",
    "projection inspect",
    "projection failures",
    "subscription list",
    "subscription status",
    "subscription create",
    "subscription remove",
    "subscription resume",
    "subscription parked",
    "subscription replay",
    "subscription discard",
    "maint stats",
    "maint verify",
]


class Usage(support.EndToEnd):
    def test_prints_its_version(self):
        self.assertRegex(self.text("--version"), r"^event-store \d+\.\d+\.\d+\n$")

    def test_every_command_has_help_with_an_example_and_a_place_in_the_manual(self):
        manual = (support.ROOT / "docs" / "cli.md").read_text()
        for command in COMMANDS:
            with self.subTest(command=command):
                text = self.text(*command.split(), "--help")
                self.assertIn(f"event-store {command}", text.split("Example:")[1])
                self.assertIn(f"`{command}", manual)
                for option in re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE):
                    if option != "--help":
                        self.assertIn(option, manual)

    def test_help_names_the_built_in_projections(self):
        for verb in ("run", "rebuild"):
            text = " ".join(self.text("projection", verb, "--help").split())
            self.assertIn(": event-type-count, stream-activity", text)

    def test_help_names_all_commands(self):
        text = self.text("--help")
        for noun in ("stream", "event", "projection", "subscription", "maint"):
            self.assertIn(noun, text)

    def test_help_fits_80_columns_and_says_where_the_options_of_every_command_are(self):
        for command in ["", "stream", "event", "projection", "subscription", "maint", *COMMANDS]:
            with self.subTest(command=command):
                text = self.text(*command.split(), "--help")
                self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
                self.assertIn("--output", text)
                self.assertIn("--store", text)

    def test_wrong_usage_says_what_is_right(self):
        for arguments, sentence in (
            ("", "no command; there are stream, event, projection, subscription, maint; see `event-store --help`"),
            ("help", 'no command "help"; there are stream, event, projection, subscription, maint; see `event-store --help`'),
            ("streams list", 'no command "streams"; there are stream, event, projection, subscription, maint; see `event-store --help`'),
            ("stream lst", 'no command "lst" in "stream"; there are list, inspect, read, metadata, '
                           "truncate, retain, delete, tombstone; see `event-store stream --help`"),
            ("stream list --limits 3", 'there is no option "--limits"; see `event-store stream list --help`'),
            ("stream read a b", 'unexpected argument "b"; see `event-store stream read --help`'),
            ("stream read", "STREAM is required; see `event-store stream read --help`"),
            ("projection run event-type-count --wrkers 2", 'there is no option "--wrkers"; see `event-store projection run --help`'),
            ("projection rebuild event-type-count --wrkers 2", 'there is no option "--wrkers"; see `event-store projection rebuild --help`'),
            ("subscription replay mailer --every day", 'there is no option "--every"; see `event-store subscription replay --help`'),
            ("subscription discard mailer --every day", 'there is no option "--every"; see `event-store subscription discard --help`'),
            ("subscription create mailer --category a --category b",
             "--category may be given only once; see `event-store subscription create --help`"),
            ("subscription create mailer --type", "--type needs a value; see `event-store subscription create --help`"),
            ("stream list --limit", "--limit needs a value; see `event-store stream list --help`"),
            ("stream list --sort foo", "--sort: foo not in {last,length,name}; see `event-store stream list --help`"),
            ("--output xml maint stats", "--output: xml not in {json,ndjson,table}; see `event-store maint stats --help`"),
        ):  # fmt: skip
            with self.subTest(arguments=arguments):
                self.assertEqual(self.error(*arguments.split(), exit_code=USAGE), sentence)

    def test_wrong_numbers_say_what_is_right(self):
        most = "18446744073709551615"
        for arguments, sentence in (
            ("stream list --limit 99999999999999999999", f"--limit: must be at most {most}, not 99999999999999999999"),
            ("stream list --limit x", "--limit: not a whole number: x"),
            ("stream list --limit 07", "--limit: begins with a zero: 07"),
            ("event append s T --schema-version 4294967296", "--schema-version: must be at most 4294967295, not 4294967296"),
            ("stream retain s --max-age 0s", "--max-age: must be at least 1s, not 0s"),
            ("stream retain s --max-age 99999999999w", "--max-age: must have at most 10 digits: 99999999999w"),
            ("stream retain s --max-age 5", "--max-age: not a time as in 90s, 30m, 12h, 7d or 4w: 5"),
            ("maint scavenge --id-retention -1s", "--id-retention: not a time as in 90s, 30m, 12h, 7d or 4w: -1s"),
        ):  # fmt: skip
            with self.subTest(arguments=arguments):
                self.assertEqual(self.error(*arguments.split(), exit_code=USAGE).split(";")[0], sentence)

    def test_wrong_usage(self):
        for arguments in (
            [],
            ["stream"],
            ["nonsense"],
            ["stream", "list", "--nonsense"],
            ["stream", "read"],
            ["stream", "list", "--limit", "ten"],
            ["stream", "list", "--limit", "-1"],
            ["stream", "list", "--sort", "colour"],
            ["event", "replay", "--speed", "0"],
            ["event", "replay", "--speed", "nan"],
            ["event", "replay", "--speed", "inf"],
            ["event", "replay", "--speed", "0x10"],
            ["stream", "read", "s", "--from", "0"],
            ["event", "replay", "--from", "0"],
            ["event", "replay", "--to", "0"],
            ["event", "replay", "--from", "5", "--to", "2"],
            ["event", "tail", "--from", "0"],
            ["event", "import", "x", "--batch", "0"],
            ["event", "import", "x", "--batch", "010"],
            ["event", "import", "x", "--format", "xml"],
            ["--output", "xml", "stream", "list"],
        ):
            with self.subTest(arguments=arguments):
                self.error(*arguments, exit_code=USAGE)
                error = self.error_object(*arguments, exit_code=USAGE) if "xml" not in arguments[:2] else None
                if error:
                    self.assertEqual(error["code"], "usage")

    def test_the_block_of_the_readme_runs_as_it_stands(self):
        readme = (support.ROOT / "README.md").read_text()
        block = readme.split("## The program\n\n```\n")[1].split("```")[0].splitlines()
        self.assertEqual(block[0], "alias event-store=$PWD/build/quickstart/src/cli/event-store")
        (self.folder / "examples").symlink_to(support.ROOT / "examples")
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "event-store").symlink_to(os.path.abspath(PROGRAM))
        environment = {k: v for k, v in os.environ.items() if k != "EVENT_STORE_URL"}
        environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
        for line in block[1:]:
            result = subprocess.run(["bash", "-c", line], cwd=self.folder, env=environment, capture_output=True,
                                    stdin=subprocess.DEVNULL, timeout=support.SECONDS_MAX, check=False)  # fmt: skip
            self.assertEqual(result.returncode, 0, f"{line}: {result.stderr.decode()}")

    def test_an_export_is_no_table(self):
        self.append("s")
        self.assertIn("replay", self.error("--output", "table", "event", "export", exit_code=USAGE))
        self.text("--output", "table", "event", "export", self.folder / "copy.ndjson")

    def test_finds_the_store_by_option_variable_or_default(self):
        self.append("s")

        def stats(arguments, **variables):
            environment = {k: v for k, v in os.environ.items() if k != "EVENT_STORE_URL"}
            result = subprocess.run(
                [PROGRAM, *arguments, "maint", "stats"],
                env=environment | variables, cwd=self.folder, capture_output=True, check=False,
            )  # fmt: skip
            return json.loads(result.stdout)["events"] if result.returncode == 0 else result.returncode

        self.assertEqual(stats(["--store", f"file:{self.store}"]), 1)
        self.assertEqual(stats(["--store", str(self.store)]), 1)
        self.assertEqual(stats(["--store", f"FILE:{self.store}"]), 1)
        self.assertEqual(stats([], EVENT_STORE_URL=f"file:{self.store}"), 1)
        self.assertEqual(stats(["--store", "file:./store"], EVENT_STORE_URL="file:/nowhere"), 1)
        self.assertEqual(stats([]), 1)  # exit code: there is no ./event-store-data
        self.store.rename(self.folder / "event-store-data")
        self.assertEqual(stats([]), 1)
        # Global options may also come last.
        subprocess.run([PROGRAM, "maint", "stats", "--store", "event-store-data"], cwd=self.folder,
                       check=True, capture_output=True)  # fmt: skip

    def test_a_scheme_may_be_in_capitals(self):
        subprocess.run([PROGRAM, "--store", "MEMORY:", "event", "append", "s", "T"], cwd=self.folder,
                       check=True, capture_output=True)  # fmt: skip
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_an_unknown_kind_of_store_is_refused(self):
        result = subprocess.run(
            [PROGRAM, "--store", "ftp://x", "maint", "stats"], capture_output=True, check=False
        )
        self.assertEqual(result.returncode, USAGE)
        self.assertIn(b"ftp", result.stderr)

    def test_a_closed_pipe_ends_it_quietly(self):
        self.import_permits()
        process = self.start("event", "export")
        process.stdout.read(100)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.wait(support.SECONDS_MAX), 0)

    def with_closed(self, descriptors, *arguments):
        close = lambda: [os.close(descriptor) for descriptor in descriptors]
        return subprocess.run(self.command(*arguments), preexec_fn=close, stderr=None if 2 in descriptors
                              else subprocess.PIPE, timeout=support.SECONDS_MAX, check=False)  # fmt: skip

    def test_closed_standard_streams_fail_and_no_file_takes_their_place(self):
        self.append("s")
        result = self.with_closed([0], "event", "import", "-")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"cannot read standard input: Bad file descriptor", result.stderr)
        for arguments in (["event", "export"], ["event", "tail", "--follow"]):
            with self.subTest(arguments=arguments):
                result = self.with_closed([0, 1], *arguments)
                self.assertEqual(result.returncode, support.FAILED)
                self.assertIn(b"cannot write the output: Bad file descriptor", result.stderr)
        self.assertEqual(self.with_closed([0, 1, 2], "event", "append", "s", "T").returncode, support.FAILED)
        self.assertEqual(self.with_closed([0, 2], "event", "import", "-").returncode, support.FAILED)
        self.assertEqual(self.object("maint", "verify")["findings"], [])
        self.assertEqual(self.stats()["events"], 2)  # the append was done, and could not say so

    def test_a_full_device_is_reported(self):
        self.append("s")
        with open("/dev/full", "wb") as full:
            result = subprocess.run(self.command("event", "export"), stdout=full,
                                    stderr=subprocess.PIPE, check=False)  # fmt: skip
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"No space left", result.stderr)

    def test_a_change_that_cannot_be_told_of_is_told_of_in_the_error(self):
        def done(*arguments, form="json", **options):
            with open("/dev/full", "wb") as full:
                result = subprocess.run(self.command("--output", form, *arguments), stdout=full,
                                        stderr=subprocess.PIPE, check=False, **options)  # fmt: skip
            self.assertEqual(result.returncode, support.FAILED)
            if form == "table":
                return result.stderr.decode()
            return json.loads(result.stderr)["error"]["details"].get("done")

        appended = done("event", "append", "s", "T")
        stored = self.list("stream", "read", "s")[0]
        self.assertEqual((appended["position"], appended["id"]), (1, stored["id"]))
        self.assertIn(f'"id":"{stored["id"]}"', done("event", "append", "s", "T", "--id", stored["id"], form="table"))
        self.assertEqual(done("event", "import", self.write("a.ndjson", [{"stream": "s", "type": "T"}]))["added"], 1)
        self.assertEqual(done("stream", "metadata", "s", "--set", "{}")["version"], 1)
        self.assertEqual(done("stream", "delete", "s", "--yes")["events_gone"], 2)
        self.assertIsNone(done("stream", "list"))


if __name__ == "__main__":
    support.main()
