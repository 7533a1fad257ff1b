#!/usr/bin/env python3
"""projection list, status, inspect, failures, and what is said of wrong names and folders"""

import json
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess

import support
from projection_support import ACTIVITY, COUNT, FIELDS, ProjectionEndToEnd
from support import DONE, FAILED, USAGE


class ListAndStatus(ProjectionEndToEnd):
    def test_before_anything_has_run(self):
        self.append("s")
        found = self.list("projection", "list")
        self.assertEqual([one["projection"] for one in found], [COUNT, ACTIVITY])
        for one in found:
            self.assertEqual(list(one), FIELDS)
            self.assertEqual((one["state"], one["position"], one["lag"], one["version"]), ("never_run", 0, 1, 1))
        self.assertEqual(self.list("projection", "status"), found)
        if not isinstance(self.stores, support.PostgresStores):
            self.assertFalse((self.store / "state.sqlite").exists())

    def test_tells_the_lag_in_events_and_seconds(self):
        self.append("s")
        self.run_once()
        for _ in range(3):
            self.append("s")
        status = self.object("projection", "status", COUNT)
        self.assertEqual(list(status), FIELDS)
        self.assertEqual((status["state"], status["position"], status["head"], status["lag"]), ("stopped", 1, 4, 3))
        self.assertGreaterEqual(status["lag_seconds"], 0)
        self.assertEqual((status["events"], status["workers"], status["rebuild"]), (1, 1, None))
        later = self.object("projection", "status", COUNT)
        self.assertGreater(later["lag_seconds"], status["lag_seconds"])

    def test_in_a_table(self):
        self.append("s")
        self.run_once()
        lines = self.text("--output", "table", "projection", "list").splitlines()
        self.assertEqual(lines[0], "projection        state      position  lag  lag_seconds  failures  version")
        self.assertRegex(lines[1], rf"^{COUNT}  stopped           1    0          0.0         0        1$")
        self.assertRegex(lines[2], rf"^{ACTIVITY}   never_run         0    1            -         0        1$")

    def test_follows_in_a_pipe(self):
        self.append("s")
        process = self.start("projection", "status", "--follow")
        seen = [json.loads(process.stdout.readline()) for _ in range(2)]
        self.assertEqual([(one["projection"], one["state"]) for one in seen],
                         [(COUNT, "never_run"), (ACTIVITY, "never_run")])  # fmt: skip
        self.run_once()
        for line in process.stdout:
            one = json.loads(line)
            if one["state"] == "stopped":
                break
        self.assertEqual((one["projection"], one["position"]), (COUNT, 1))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")

    def test_follows_one_as_an_array(self):
        self.append("s")
        self.run_once()
        process = self.start("--output", "json", "projection", "status", COUNT, "--follow")
        said = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        seen = json.loads(said + process.stdout.read())
        self.assertEqual({one["projection"] for one in seen}, {COUNT})
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)

    def test_ends_when_nobody_reads_any_more(self):
        self.append("s")
        process = self.start("projection", "status", "--follow")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")

    def test_redraws_on_a_terminal(self):
        self.append("s")
        self.run_once()
        with support.Terminal(self.command("projection", "status", "--follow"), columns=80) as terminal:
            text = terminal.read_until("\x1b[3A\x1b[J")
            text += terminal.read_until(f"{ACTIVITY} ")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.process.wait(support.SECONDS_MAX), DONE)
        first = text.split("\r\x1b[3A\x1b[J")[0].splitlines()
        self.assertEqual([line.split()[0] for line in first], ["projection", COUNT, ACTIVITY])
        self.assertTrue(first[0].endswith("version"), first[0])
        self.assertTrue(all(len(line) <= 80 for line in first))

    def test_shows_all_of_one_on_a_terminal(self):
        self.append("s", "A")
        process = self.start_run()
        self.wait_for_position(1)
        command = self.command("projection", "status", COUNT, "--follow")
        with support.Terminal(command, columns=40) as terminal:
            text = terminal.read_until(f"\x1b[{len(FIELDS)}A\x1b[J")
            self.append("s", "A")
            terminal.read_until("position     2")
            self.run_program("projection", "reset", COUNT, "--yes")
            terminal.read_until("never_run")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.process.wait(support.SECONDS_MAX), DONE)
        first = text.split("\r\x1b[")[0].splitlines()
        self.assertEqual([line.split()[0] for line in first], FIELDS)
        self.assertIn("owner        event-store, process", first[FIELDS.index("owner")])
        self.assertTrue(all(len(line) <= 40 for line in first))
        self.assertEqual(process.wait(support.SECONDS_MAX), FAILED)

    def test_a_terminal_sees_what_an_instance_waits_for(self):
        for _ in range(3):
            self.append("s", "A")
        first = self.start_run()
        self.wait_for_position(3)
        with support.Terminal(self.command("projection", "run", COUNT), stderr=True, columns=120) as terminal:
            terminal.read_until(f"{COUNT} at 3 of 3, waiting")
            terminal.read_until("waits for another process to end")
            self.run_program("projection", "pause", COUNT)
            terminal.read_until(f'projection "{COUNT}" is paused')
            terminal.read_until(f"{COUNT} at 3 of 3, paused")
            self.run_program("projection", "resume", COUNT)
            terminal.read_until(f'info: projection "{COUNT}" was resumed')
            terminal.read_until("waits for another process to end")
            self.end(first)
            terminal.read_until(f'info: projection "{COUNT}": this process has taken over')
            self.append("s", "A")
            terminal.read_until(f"{COUNT} at 4 of 4")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.process.wait(support.SECONDS_MAX), DONE)

    def test_a_terminal_sees_where_one_that_is_paused_is(self):
        self.append("s", "A")
        self.run_once()
        self.run_program("projection", "pause", COUNT)
        with support.Terminal(self.command("projection", "run", COUNT), stderr=True, columns=120) as terminal:
            terminal.read_until(f"{COUNT} at 1 of 1, paused")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.process.wait(support.SECONDS_MAX), DONE)

    def test_a_terminal_sees_how_far_a_run_is(self):
        self.append("s", "A")
        command = self.command("projection", "run", COUNT)
        with support.Terminal(command, stderr=True, columns=80) as terminal:
            terminal.read_until(f"{COUNT} at 1 of 1")
            self.append("s", "A")
            terminal.read_until(f"{COUNT} at 2 of 2")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.process.wait(support.SECONDS_MAX), DONE)


class Inspect(ProjectionEndToEnd):
    def setUp(self):
        super().setUp()
        for type_ in ("B", "A", "C", "B"):
            self.append("s", type_)
        self.run_once()

    def test_one_document(self):
        self.assertEqual(self.text("projection", "inspect", COUNT, "B"), '{"count":2}\n')
        self.assertEqual(self.text("--output", "table", "projection", "inspect", COUNT, "B"), "count  2\n")
        error = self.error_object("projection", "inspect", COUNT, "D")
        self.assertEqual((error["code"], error["details"]), ("not_found", {"projection": COUNT, "key": "D"}))

    def test_a_list(self):
        expected = [{"key": key, "document": {"count": count}} for key, count in (("A", 1), ("B", 2), ("C", 1))]
        self.assertEqual(self.list("projection", "inspect", COUNT), expected)
        text = self.text("--output", "json", "projection", "inspect", COUNT)
        self.assertEqual(json.loads(text), expected)
        self.assertEqual(text.splitlines()[1], '{"key":"A","document":{"count":1}},')
        self.assertEqual(self.list("projection", "inspect", COUNT, "--after", "A"), expected[1:])
        self.assertEqual(self.list("projection", "inspect", COUNT, "--limit", "2"), expected[:2])
        self.assertEqual(self.list("projection", "inspect", COUNT, "--limit", "0"), [])
        self.assertEqual(json.loads(self.text("--output", "json", "projection", "inspect", COUNT, "--after", "C")), [])
        table = self.text("--output", "table", "projection", "inspect", COUNT, "--limit", "1")
        self.assertEqual(table, 'key  document\nA    {"count":1}\n')

    def test_more_documents_than_a_page_holds(self):
        lines = [{"stream": f"s-{n:05}", "type": "T"} for n in range(2_001)]
        self.run_program("event", "import", self.write("many.ndjson", lines))
        self.run_once(ACTIVITY)
        documents = self.list("projection", "inspect", ACTIVITY)
        self.assertEqual([one["key"] for one in documents], ["s", *(line["stream"] for line in lines)])


class Wrong(ProjectionEndToEnd):
    def test_names(self):
        self.append("s")
        for verb in ("run", "rebuild"):
            sentence = self.error("projection", verb, "nosuch", exit_code=USAGE)
            self.assertEqual(sentence, f'there is no built-in projection "nosuch"; there are {COUNT}, {ACTIVITY}')
        for _ in range(2):  # without a state database, and with one
            for verb in (["status"], ["pause"], ["resume"], ["reset", "--yes"], ["inspect"], ["failures"]):
                with self.subTest(verb=verb):
                    error = self.error_object("projection", verb[0], "nosuch", *verb[1:])
                    self.assertEqual((error["code"], error["details"]), ("not_found", {"projection": "nosuch"}))
                    self.assertIn('there is no projection "nosuch" in ', error["message"])
                    self.assertIn(f"; there are {COUNT}, {ACTIVITY}", error["message"])
            self.run_once()

    def test_projections_of_other_programs(self):
        self.append("s")
        self.run_once()
        self.change_state(f"UPDATE state_projections SET name = 'customers' WHERE name = '{COUNT}'")
        self.change_state("UPDATE state_projection_generations SET projection = 'customers'")
        self.assertEqual(self.status("customers")["position"], 1)
        for verb in ("run", "rebuild"):
            sentence = self.error("projection", verb, "customers", exit_code=USAGE)
            self.assertIn('projection "customers" is not built in: its own program runs it', sentence)
            self.assertIn("Projections::rebuild()", sentence)
        self.assertEqual(self.object("projection", "pause", "customers")["state"], "paused")
        self.object("projection", "resume", "customers")
        self.assertTrue(self.error("projection", "status", "nosuch").endswith(f"there are {COUNT}, {ACTIVITY}, customers"))

    def test_nothing_is_made_for_a_wrong_name(self):
        if isinstance(self.stores, support.PostgresStores):
            self.skipTest("looks at files")
        self.append("s")
        self.error("projection", "run", "nosuch", exit_code=USAGE)
        self.assertFalse((self.store / "state.sqlite").exists())

    def test_numbers(self):
        self.append("s")
        for arguments in (["--workers", "0"], ["--workers", "65"], ["--on-failure", "retry"]):
            for verb in ("run", "rebuild"):
                self.error("projection", verb, COUNT, *arguments, exit_code=USAGE)
        self.error("projection", "inspect", COUNT, "A", "--limit", "1", exit_code=USAGE)

    def test_stores(self):
        for arguments in (["list"], ["run", COUNT, "--once"], ["pause", COUNT], ["status", "--follow"]):
            with self.subTest(arguments=arguments):
                self.assertIn("there is no event store", self.error("projection", *arguments))
        self.assertFalse(self.exists())
        result = subprocess.run([support.PROGRAM, "--store", "memory:", "projection", "list"],
                                capture_output=True, check=False)  # fmt: skip
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"a store in memory begins empty", result.stderr)


class Failures(ProjectionEndToEnd):
    def setUp(self):
        super().setUp()
        if isinstance(self.stores, support.PostgresStores):
            self.skipTest("damages a document in a file")
        self.append("s", "A")
        self.run_once()
        self.spoil("nonsense")
        self.append("s", "A")
        self.append("s", "B")

    def spoil(self, document):
        """Nothing else makes a built-in projection fail."""
        database = sqlite3.connect(self.store / "state.sqlite")
        (table,) = (name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                    if re.search(r"\d+_documents$|documents_\d+$", name))  # fmt: skip
        with database:
            database.execute(f"UPDATE {table} SET document = ? WHERE key = 'A'", [document])
        database.close()

    def test_stop_it(self):
        error = self.error_object("projection", "run", COUNT, "--once")
        self.assertEqual((error["code"], error["details"]), ("projection_stopped", {"projection": COUNT}))
        self.assertIn("event 2 (A in s) cannot be applied", error["message"])
        self.assertIn(f"`event-store projection resume {COUNT}`", error["message"])
        status = self.status()
        self.assertEqual((status["state"], status["position"], status["failures"]), ("failed", 1, 1))
        (failure,) = self.list("projection", "failures")
        self.assertEqual((failure["position"], failure["stream"], failure["type"]), (2, "s", "A"))
        self.assertEqual((failure["attempts"], failure["state"]), (5, "stopped"))
        (hour,) = self.list("projection", "failures", COUNT, "--trend")
        self.assertEqual((hour["failed"], hour["retries"]), (1, 4))
        self.assertIn("has stopped; resume it", self.error("projection", "run", COUNT, "--once"))

        self.spoil('{"count":1}')
        self.run_program("projection", "resume", COUNT)
        self.run_once()
        self.assertEqual(self.counts(), {"A": 2, "B": 1})

    def test_are_parked(self):
        result = self.run_program("projection", "run", COUNT, "--once", "--on-failure", "park")
        self.assertEqual(result.stderr.count(b"failed: "), 5)
        self.assertEqual(json.loads(result.stdout)["projections"][0]["failures"], 1)
        self.assertEqual(self.list("projection", "failures")[0]["state"], "parked")
        self.assertEqual(self.text("projection", "inspect", COUNT, "A"), '"nonsense"\n')
        self.assertEqual(self.text("projection", "inspect", COUNT, "B"), '{"count":1}\n')


class ReadOnlyFolder(ProjectionEndToEnd):
    def test_can_be_looked_at(self):
        if isinstance(self.stores, support.PostgresStores):
            self.skipTest("of files")
        self.append("s", "A")
        self.run_once()
        as_nobody = {}
        if os.geteuid() == 0:
            program = self.folder / "event-store"
            shutil.copy(support.PROGRAM, program)
            self.addCleanup(setattr, support, "PROGRAM", support.PROGRAM)
            support.PROGRAM = os.fspath(program)
            nobody = pwd.getpwnam("nobody")
            as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self.folder.chmod(0o755)
        for path in [*self.store.rglob("*"), self.store]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        # SQLite has no place for its index of what readers see, unless somebody else has made it.
        self.assertIn("SQLite needs to write to the store's folder, where no other process has it open", self.error("projection", "status", COUNT, **as_nobody))
        if not as_nobody:
            self.skipTest("only root can write there")
        process = self.start_run()
        self.wait_until(lambda status: status["owner"])
        status = self.object("projection", "status", COUNT, **as_nobody)
        self.assertEqual((status["state"], status["position"]), ("running", 1))
        self.assertEqual(self.list("projection", "inspect", COUNT, **as_nobody),
                         [{"key": "A", "document": {"count": 1}}])  # fmt: skip
        for arguments in (["run", COUNT, "--once"], ["pause", COUNT]):
            with self.subTest(arguments=arguments):
                self.assertIn("needs to write to the store's folder", self.error("projection", *arguments, **as_nobody))
        self.end(process)


if __name__ == "__main__":
    support.main()
