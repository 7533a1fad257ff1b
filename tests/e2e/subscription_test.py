#!/usr/bin/env python3
"""subscription list, status, create, remove, resume, parked, replay, discard"""

import json
import sqlite3

import support
from support import CONFLICT, USAGE

LIST_FIELDS = ["subscription", "kind", "position", "lag", "lag_seconds", "head", "parked", "stopped", "members"]
GROUP = {"subscription": "mailer", "kind": "group"}


class SubscriptionEndToEnd(support.EndToEnd):
    def change_state(self, sql):
        """What only a program with a consumer of its own does."""
        if isinstance(self.stores, support.PostgresStores):
            schema = self.stores.schema(self.store)
            self.stores.query(f"SET search_path TO {schema}; {sql}")
            return
        database = sqlite3.connect(self.store / "state.sqlite")
        with database:
            database.execute(sql)
        database.close()

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
        self.assertEqual(list(group), LIST_FIELDS)
        self.assertEqual(group, group | GROUP | {"position": 0, "lag": 3, "parked": 0, "stopped": None, "members": 0})
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
        for start, position in (("start", 0), ("end", 3), ("2", 1)):
            name = f"from-{start}"
            made = self.object("subscription", "create", name, "--from", start, "--category", "s", "--type", "T",
                               "--type", "U", "--stream-prefix", "s")  # fmt: skip
            self.assertEqual((made["subscription"], made["position"], made["lag"]), (name, position, 3 - position))

    def test_once(self):
        self.append("s")
        self.create()
        error = self.error_object("subscription", "create", "mailer", "--from", "end", exit_code=CONFLICT)
        self.assertEqual((error["code"], error["details"]), ("already_exists", {"subscription": "mailer"}))
        self.assertEqual(self.object("subscription", "status", "mailer")["position"], 0)

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
            self.assertEqual(self.object("subscription", "remove", name, "--yes"), {"subscription": name, "removed": True})
        self.assertEqual(self.list_all(), [])


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
        self.assertEqual(self.object(*replay, 2, 3), {"subscription": "mailer", "to_be_replayed": 1})
        self.assertEqual([event["to_be_replayed"] for event in self.parked()], [False, True, False])
        self.assertEqual(self.object(*replay, "--all")["to_be_replayed"], 3)
        self.assertIn("--all", self.error(*replay, exit_code=USAGE))
        self.error(*replay, 2, "--all", exit_code=USAGE)

    def test_are_discarded(self):
        discard = ("subscription", "discard", "mailer")
        self.assertIn("give --yes", self.error(*discard, 1, 4, exit_code=USAGE))
        self.assertEqual(self.object(*discard, 1, 4, "--yes"), {"subscription": "mailer", "discarded": 2})
        self.assertEqual([event["position"] for event in self.parked()], [2])
        self.error(*discard, exit_code=USAGE)

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
