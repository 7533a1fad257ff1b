#!/usr/bin/env python3
"""projection run, rebuild, pause, resume, reset"""

import signal

import support
from projection_support import ACTIVITY, COUNT, ProjectionEndToEnd
from support import DONE, FAILED, TRUTH, USAGE


class Once(ProjectionEndToEnd):
    def test_counts_the_permits(self):
        self.import_permits()
        (run,) = self.run_once()
        self.assertEqual((run["projection"], run["events"], run["position"]), (COUNT, TRUTH["events"], TRUTH["events"]))
        self.assertEqual((run["lag"], run["failures"], run["error"]), (0, 0, None))
        self.assertEqual(self.counts(), TRUTH["types"])
        (again,) = self.run_once()
        self.assertEqual(again["events"], TRUTH["events"])

    def test_several_side_by_side_with_several_workers(self):
        self.import_permits()
        runs = self.object("projection", "run", COUNT, ACTIVITY, COUNT, "--once", "--workers", "3")["projections"]
        self.assertEqual([run["projection"] for run in runs], [COUNT, ACTIVITY])
        self.assertEqual([run["events"] for run in runs], [TRUTH["events"]] * 2)
        self.assertEqual(self.counts(), TRUTH["types"])
        self.assertEqual(self.status()["workers"], 3)
        activity = self.list("projection", "inspect", ACTIVITY)
        self.assertEqual(len(activity), TRUTH["streams"])
        self.assertEqual(sum(one["document"]["count"] for one in activity), TRUTH["events"])

    def test_says_it_in_words(self):
        self.append("s")
        text = self.text("--output", "table", "projection", "run", COUNT, "--once")
        self.assertEqual(text, f"{COUNT}: 1 event applied in all, now at position 1\n")

    def test_with_an_empty_store(self):
        self.run_program("event", "import", self.write("empty.ndjson", []))
        (run,) = self.run_once()
        self.assertEqual((run["events"], run["position"]), (0, 0))
        self.assertEqual(self.counts(), {})


class Follow(ProjectionEndToEnd):
    def test_applies_what_other_processes_append(self):
        self.append("s", "A")
        process = self.start_run(COUNT, ACTIVITY)
        self.wait_for_position(1)
        for position in range(2, 5):
            self.append("s", "B")
            self.wait_for_position(position)
        self.wait_for_position(4, ACTIVITY)
        status = self.status()
        self.assertEqual((status["state"], status["lag"], status["lag_seconds"]), ("running", 0, 0))
        self.assertIn("event-store, process", status["owner"])
        runs = self.end(process)["projections"]
        self.assertEqual([run["position"] for run in runs], [4, 4])
        self.assertEqual(self.counts(), {"A": 1, "B": 3})
        self.assertEqual(self.status()["state"], "stopped")

    def test_sigterm_ends_it_too(self):
        self.append("s", "A")
        process = self.start_run()
        self.wait_for_position(1)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")

    def test_goes_on_where_it_was_killed(self):
        self.import_permits()
        for _ in range(5):
            process = self.start_run("--workers", "2", COUNT)
            before = self.status()["position"] if self.status() else 0
            self.wait_until(lambda status, before=before: status["owner"] or status["position"] > before)
            process.kill()
            process.wait()
        self.append("s", "More")
        self.run_once()
        self.assertEqual(self.counts(), TRUTH["types"] | {"More": 1})

    def test_another_process_waits_for_its_turn(self):
        self.append("s", "A")
        first = self.start_run()
        self.wait_for_position(1)
        second = self.start_run()
        self.assertIn(b"waits for another process", second.stderr.readline())
        self.end(first)
        self.append("s", "A")
        self.wait_for_position(2)
        self.end(second)
        self.assertEqual(self.counts(), {"A": 2})


class PauseAndResume(ProjectionEndToEnd):
    def test_from_another_process(self):
        self.append("s", "A")
        process = self.start_run()
        self.wait_for_position(1)
        self.assertEqual(self.object("projection", "pause", COUNT)["state"], "paused")
        self.assertIn(b"is paused, until `event-store projection resume", process.stderr.readline())
        self.append("s", "A")
        status = self.status()
        self.assertEqual((status["state"], status["position"], status["lag"]), ("paused", 1, 1))
        self.assertNotEqual(self.object("projection", "resume", COUNT)["state"], "paused")
        self.wait_for_position(2)
        self.end(process)
        self.assertEqual(self.counts(), {"A": 2})

    def test_once_does_not_wait_for_one_that_is_paused(self):
        self.append("s", "A")
        self.run_once()
        self.run_program("projection", "pause", COUNT)
        self.run_once()  # there is nothing to do
        self.append("s", "A")
        self.assertIn("is paused: resume it", self.error("projection", "run", COUNT, "--once"))

    def test_once_ends_beside_another_that_has_come_as_far(self):
        self.append("s", "A")
        process = self.start_run()
        self.wait_for_position(1)
        self.run_once()
        self.end(process)
        self.assertEqual(self.counts(), {"A": 1})


class Rebuild(ProjectionEndToEnd):
    def test_while_it_runs(self):
        self.import_permits()
        process = self.start_run()
        self.wait_for_position(TRUTH["events"])
        rebuilt = self.object("projection", "rebuild", COUNT, "--workers", "2")
        self.assertEqual((rebuilt["events"], rebuilt["position"], rebuilt["version"]), (TRUTH["events"], TRUTH["events"], 1))
        self.append("s", "More")
        self.wait_for_position(TRUTH["events"] + 1)
        self.end(process)
        self.assertEqual(self.counts(), TRUTH["types"] | {"More": 1})

    def test_of_what_has_not_run(self):
        self.append("s", "A")
        text = self.text("--output", "table", "projection", "rebuild", COUNT, "--restart")
        self.assertRegex(text, rf"^{COUNT}: rebuilt from 1 event in \d+\.\d s, now at position 1\n$")
        self.assertEqual(self.counts(), {"A": 1})


class Reset(ProjectionEndToEnd):
    def test_begins_anew(self):
        self.append("s", "A")
        self.run_once()
        self.assertIn("computed from 1 event; give --yes", self.error("projection", "reset", COUNT, exit_code=USAGE))
        self.assertEqual(self.counts(), {"A": 1})
        self.assertEqual(self.object("projection", "reset", COUNT, "--yes")["state"], "never_run")
        self.assertIn("has not run yet", self.error("projection", "status", COUNT))
        self.run_once()
        self.assertEqual(self.counts(), {"A": 1})

    def test_ends_what_works_on_it(self):
        self.append("s", "A")
        process = self.start_run()
        self.wait_for_position(1)
        self.run_program("projection", "reset", COUNT, "--yes")
        complaint = process.stderr.read().decode()
        self.assertEqual(process.wait(support.SECONDS_MAX), FAILED, complaint)
        self.assertIn("was reset", complaint)


if __name__ == "__main__":
    support.main()
