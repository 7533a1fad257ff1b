#!/usr/bin/env python3
"""subscription list, status, create, remove, resume, parked, replay, discard"""

import json
import signal

import support
from support import CONFLICT, DONE, USAGE

LIST_FIELDS = ["subscription", "kind", "position", "lag", "lag_seconds", "head", "parked", "stopped", "members",
               "stored_at"]  # fmt: skip
GROUP = {"subscription": "mailer", "kind": "group"}


class SubscriptionEndToEnd(support.EndToEnd):
    def store_checkpoint(self, name, position):
        self.change_state(f"INSERT INTO state_checkpoints VALUES ('{name}', {position}, 1764000000000000)")

    def park(self, *positions):
        for position in positions:
            self.change_state(
                "INSERT INTO state_group_parked (group_name, position, stream, version, type, key, bucket, attempts,"
                f" last_error, parked_at, replays) VALUES ('mailer', {position}, 's', {position}, 'T', 's', 1, 5,"
                " 'no such address', 1764000000000000, 0)"
            )

    def create(self, *options):
        return self.object("subscription", "create", "mailer", *options)

    def list_all(self):
        return self.list("subscription", "list")


class ListAndStatus(SubscriptionEndToEnd):
    def test_nothing_yet(self):
        self.append("s")
        self.assertEqual(self.list_all(), [])
        self.run_program("projection", "run", "event-type-count", "--once")
        self.assertEqual(self.list_all(), [])

    def test_groups_and_checkpoints(self):
        for _ in range(3):
            self.append("s")
        self.create()
        self.store_checkpoint("reader", 2)
        group, checkpoint = self.list_all()
        self.assertEqual((list(group), list(checkpoint)), (LIST_FIELDS, LIST_FIELDS))
        self.assertEqual(group, group | GROUP | {"position": 0, "lag": 3, "parked": 0, "stopped": None, "members": 0,
                                         "stored_at": None})  # fmt: skip
        self.assertEqual(checkpoint, checkpoint | {"subscription": "reader", "kind": "checkpoint", "position": 2,
                                                   "lag": 1, "parked": None, "members": None})  # fmt: skip
        for one in (group, checkpoint):
            self.assertGreaterEqual(one["lag_seconds"], 0)
        lines = self.text("--output", "table", "subscription", "list").splitlines()
        self.assertEqual(lines[0].split(), ["subscription", "kind", "position", "lag", "lag_seconds", "members",
                                            "parked", "stopped"])  # fmt: skip
        self.assertEqual(len(lines), 3)

    def test_one_of_them(self):
        self.append("s")
        self.create()
        self.store_checkpoint("reader", 1)
        group = self.object("subscription", "status", "mailer")
        self.assertEqual(group, group | GROUP | {"head": 1, "members": []})
        checkpoint = self.object("subscription", "status", "reader")
        self.assertEqual((checkpoint["lag"], checkpoint["stored_at"]), (0, "2025-11-24T16:00:00.000000Z"))

    def test_without_a_name_a_list(self):
        self.append("s")
        self.create()
        (line,) = self.list("subscription", "status")
        self.assertEqual((list(line), line["subscription"]), (LIST_FIELDS, "mailer"))

    def test_both_of_one_name(self):
        self.append("s")
        self.create()
        self.store_checkpoint("mailer", 1)
        status = ("subscription", "status", "mailer")
        self.assertEqual([one["kind"] for one in json.loads(self.text(*status))], ["group", "checkpoint"])
        for kind in ("group", "checkpoint"):
            self.assertEqual(self.object(*status, f"--{kind}")["kind"], kind)
        group, checkpoint = self.text("--output", "table", *status).split("\n\n")
        self.assertRegex(group, r"(?m)^kind +group$")
        self.assertRegex(checkpoint, r"(?m)^kind +checkpoint$")
        self.error(*status, "--group", "--checkpoint", exit_code=USAGE)
        self.error("subscription", "status", "--group", exit_code=USAGE)
        self.assertIn('there is no checkpoint "other"', self.error("subscription", "status", "other", "--checkpoint"))

    def test_members_in_words(self):
        self.append("s")
        self.create()
        status = ("--output", "table", "subscription", "status", "mailer")
        self.assertRegex(self.text(*status), r"(?m)^members +-$")
        for name in ("a", "b"):
            self.change_state(
                "INSERT INTO state_group_members (group_name, id, name, position, joined_at, expires_at)"
                f" VALUES ('mailer', '{name}', 'worker {name}', 0, 0, 4102444800000000)"
            )
        self.change_state("UPDATE state_group_buckets SET member = 'a' WHERE bucket < 24")
        self.assertRegex(self.text(*status), r"(?m)^members\n"
                         r"  member worker a, buckets 24, expires_at 2100-01-01T00:00:00.000000Z\n"
                         r"  member worker b, buckets 0, expires_at 2100-01-01T00:00:00.000000Z\n")  # fmt: skip

    def test_follows_one(self):
        self.append("s")
        self.create()
        process = self.start("subscription", "status", "mailer", "--follow")
        self.assertEqual(json.loads(process.stdout.readline())["settings"]["attempts_max"], 5)
        self.change_state("UPDATE state_groups SET stopped = 'out of paper'")
        for line in process.stdout:
            if json.loads(line)["stopped"] == "out of paper":
                break
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(support.SECONDS_MAX), DONE)
        self.assertEqual(process.stderr.read(), b"")

    def test_follows_on_a_terminal(self):
        self.append("s")
        self.create()
        command = self.command("subscription", "status", "mailer", "--follow")
        with support.Terminal(command, columns=60) as terminal:
            text = terminal.read_until("A\x1b[J")
            self.assertIn("when_exhausted", text)
            self.run_program("subscription", "remove", "mailer", "--yes")
            terminal.read_until("there is none any more")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.process.wait(support.SECONDS_MAX), DONE)
        with support.Terminal(self.command("subscription", "status", "--follow"), columns=80) as terminal:
            self.assertTrue(terminal.read_until("\x1b[1A\x1b[J").startswith("subscription  kind"))

    def test_checkpoints_alone(self):
        self.append("s")
        self.run_program("projection", "run", "event-type-count", "--once")
        self.store_checkpoint("reader", 1)
        (checkpoint,) = self.list_all()
        self.assertEqual(checkpoint["subscription"], "reader")
        self.assertEqual(self.object("subscription", "status", "reader")["kind"], "checkpoint")
        self.object("subscription", "remove", "reader", "--yes")
        self.assertEqual(self.list_all(), [])


class Create(SubscriptionEndToEnd):
    def test_begins_where_it_is_told(self):
        for _ in range(3):
            self.append("s")
        second = self.list("stream", "read", "s")[1]["recorded_at"]
        for start, position in (("start", 0), ("end", 3), ("2", 1), (second, 1)):
            name = f"from-{start}"
            made = self.object("subscription", "create", name, "--from", start, "--category", "s", "--type", "T",
                               "--type", "U", "--stream-prefix", "s")  # fmt: skip
            self.assertEqual((made["subscription"], made["position"], made["lag"]), (name, position, 3 - position))

    def test_with_settings(self):
        self.append("s")
        self.assertEqual(
            self.create("--tag", "a", "--tag", "b", "--type", "T", "--stream-prefix", "s", "--key-tag", "customer:",
                        "--attempts", "3", "--when-exhausted", "stop", "--hold-behind-parked", "--answer-within", "2m",
                        "--lease", "7s", "--from", "end")["settings"],
            {"selector": {"query": [{"types": [], "tags": ["a"]}, {"types": [], "tags": ["b"]}]}, "types": ["T"],
             "stream_prefix": "s", "stream_pattern": "", "type_pattern": "", "include_system": False,
             "key_tag_prefix": "customer:", "attempts_max": 3, "when_exhausted": "stop", "pause_min_ms": 100,
             "pause_max_ms": 60000, "holds_behind_parked": True, "answer_within_ms": 120000, "lease_ms": 7000,
             "start_position": 1},
        )  # fmt: skip
        table = self.text("--output", "table", "subscription", "status", "mailer")
        self.assertRegex(table, r"(?m)^settings\n  selector\n    query\n      types \[\], tags \[\"a\"\]\n")
        self.assertRegex(table, r"(?m)^  when_exhausted +stop$")
        self.assertNotIn("stream_pattern", table)

    def test_without_settings(self):
        self.append("s")
        settings = self.create()["settings"]
        self.assertEqual((settings["selector"], settings["attempts_max"], settings["when_exhausted"]), ({}, 5, "park"))
        self.assertEqual((settings["answer_within_ms"], settings["lease_ms"]), (30000, 10000))

    def test_wrong_settings(self):
        self.append("s")
        for options in (["--attempts", "0"], ["--attempts", "4294967296"], ["--when-exhausted", "retry"],
                        ["--lease", "0s"], ["--lease", "9"], ["--answer-within", "99w"],
                        ["--tag", "a", "--category", "s"]):  # fmt: skip
            self.error("subscription", "create", "mailer", *options, exit_code=USAGE)
        self.assertIn("name of the consumer group is empty", self.error("subscription", "create", "", exit_code=USAGE))
        self.assertEqual(self.list_all(), [])

    def test_once(self):
        self.append("s")
        self.create()
        error = self.error_object("subscription", "create", "mailer", "--from", "end", exit_code=CONFLICT)
        self.assertEqual((error["code"], error["details"]), ("already_exists", {"subscription": "mailer"}))
        self.assertEqual(self.object("subscription", "status", "mailer")["position"], 0)
        sentence = self.error("subscription", "create", "mailer", "--attempts", "9", exit_code=CONFLICT)
        self.assertEqual(sentence, 'there is a consumer group "mailer" with other settings: attempts_max is 5; it stays as it is')

    def test_wrong_starts(self):
        self.append("s")
        for start in ("0", "begin", "-1", "07", "99999999999999999999"):
            self.error("subscription", "create", "mailer", "--from", start, exit_code=USAGE)
        self.error("subscription", "create", "mailer", "--from", "9", exit_code=USAGE)  # beyond the head
        self.assertEqual(self.list_all(), [])


class Remove(SubscriptionEndToEnd):
    def test_group_and_checkpoint(self):
        self.append("s")
        self.create()
        self.store_checkpoint("reader", 1)
        self.park(1)
        self.assertIn("its position, 0, and 1 parked event;", self.error("subscription", "remove", "mailer", exit_code=USAGE))
        self.assertIn("begins anew", self.error("subscription", "remove", "reader", exit_code=USAGE))
        for name in ("mailer", "reader"):
            kind = "group" if name == "mailer" else "checkpoint"
            self.assertEqual(self.object("subscription", "remove", name, "--yes"),
                             {"subscription": name, "kind": kind, "removed": True})  # fmt: skip
        self.assertEqual(self.list_all(), [])

    def test_one_of_both(self):
        self.append("s")
        self.create()
        self.store_checkpoint("mailer", 1)
        remove = ("subscription", "remove", "mailer", "--yes")
        self.assertEqual(self.error(*remove, exit_code=USAGE), 'there is a consumer group "mailer" and a checkpoint "mailer": '
                         "give --group or --checkpoint to say which")  # fmt: skip
        self.assertEqual(len(self.list_all()), 2)
        self.assertEqual(self.object(*remove, "--checkpoint")["kind"], "checkpoint")
        self.assertIn('there is no checkpoint "mailer"', self.error(*remove, "--checkpoint"))
        self.assertEqual([one["kind"] for one in self.list_all()], ["group"])
        self.store_checkpoint("mailer", 1)
        self.assertRegex(self.text("--output", "table", *remove, "--group"), r"(?m)^kind +group$")
        self.assertEqual([one["kind"] for one in self.list_all()], ["checkpoint"])


class Parked(SubscriptionEndToEnd):
    def setUp(self):
        super().setUp()
        for _ in range(4):
            self.append("s", "T")
        self.create()
        self.park(1, 2, 4)

    def parked(self, *options):
        return self.list("subscription", "parked", "mailer", *options)

    def test_are_listed(self):
        self.assertEqual(
            self.parked()[0],
            {"position": 1, "stream": "s", "version": 1, "type": "T", "key": "s", "attempts": 5,
             "parked_at": "2025-11-24T16:00:00.000000Z", "to_be_replayed": False, "error": "no such address"},
        )  # fmt: skip
        self.assertEqual([event["position"] for event in self.parked()], [1, 2, 4])
        self.assertEqual([event["position"] for event in self.parked("--after", "1", "--limit", "1")], [2])
        self.assertEqual(self.object("subscription", "status", "mailer")["parked"], 3)
        self.assertEqual(json.loads(self.text("--output", "json", "subscription", "parked", "mailer", "--after", "4")), [])

    def test_are_replayed(self):
        replay = ("subscription", "replay", "mailer")
        self.assertEqual(self.object(*replay, 2, 2), {"subscription": "mailer", "to_be_replayed": 1})
        self.assertEqual([event["to_be_replayed"] for event in self.parked()], [False, True, False])
        self.assertEqual(self.object(*replay, "--all")["to_be_replayed"], 3)
        self.assertIn("--all", self.error(*replay, exit_code=USAGE))
        self.error(*replay, 2, "--all", exit_code=USAGE)

    def test_others_are_refused(self):
        for verb in ("replay", "discard"):
            error = self.error_object("subscription", verb, "mailer", 1, 3, 9999, 0)
            self.assertEqual((error["code"], error["details"]),
                             ("not_found", {"subscription": "mailer", "positions": [0, 3, 9999]}))  # fmt: skip
            self.assertIn('event 3 is not parked in consumer group "mailer"', self.error("subscription", verb, "mailer", 1, 3))
        self.assertEqual([event["to_be_replayed"] for event in self.parked()], [False] * 3)

    def test_are_discarded(self):
        discard = ("subscription", "discard", "mailer")
        self.assertIn("give --yes", self.error(*discard, 1, 4, exit_code=USAGE))
        self.assertEqual(self.object(*discard, 1, 4, "--yes"), {"subscription": "mailer", "discarded": 2})
        self.assertEqual([event["position"] for event in self.parked()], [2])
        self.assertIn("this leaves 1 event out", self.error(*discard, 2, 2, exit_code=USAGE))
        self.assertIn("--all", self.error(*discard, exit_code=USAGE))

    def test_all_are_discarded(self):
        discard = ("subscription", "discard", "mailer", "--all")
        self.assertIn("this leaves 3 events out for good", self.error(*discard, exit_code=USAGE))
        self.error(*discard, 1, "--yes", exit_code=USAGE)
        self.assertEqual(self.object(*discard, "--yes"), {"subscription": "mailer", "discarded": 3})
        self.assertEqual(self.object(*discard)["discarded"], 0)  # nothing to ask about
        self.assertEqual(self.parked(), [])

    def test_a_stopped_group_is_resumed(self):
        self.change_state("UPDATE state_groups SET stopped = 'the consumer said so'")
        self.assertEqual(self.list_all()[0]["stopped"], "the consumer said so")
        self.assertIsNone(self.object("subscription", "resume", "mailer")["stopped"])
        self.assertIsNone(self.list_all()[0]["stopped"])


class Wrong(SubscriptionEndToEnd):
    def test_names(self):
        self.append("s")
        for state in ("none", "without groups", "with groups"):
            if state == "without groups":
                self.run_program("projection", "run", "event-type-count", "--once")
                self.store_checkpoint("reader", 1)
            if state == "with groups":
                self.create()
            for verb in (["status"], ["parked"], ["resume"], ["remove", "--yes"], ["replay", "--all"],
                         ["discard", "1", "--yes"]):  # fmt: skip
                with self.subTest(state=state, verb=verb):
                    error = self.error_object("subscription", verb[0], "nosuch", *verb[1:])
                    self.assertEqual((error["code"], error["details"]), ("not_found", {"subscription": "nosuch"}))

    def test_stores(self):
        for arguments in (["list"], ["create", "mailer"], ["status", "mailer"]):
            self.assertIn("there is no event store", self.error("subscription", *arguments))
        self.assertFalse(self.exists())


if __name__ == "__main__":
    support.main()
