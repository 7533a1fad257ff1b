#!/usr/bin/env python3
"""maint repair --from COPY, and what maint verify says before and after."""

import json
import shutil
import subprocess

import support
from support import FAILED, USAGE


class Repair(support.EndToEnd):
    def setUp(self):
        super().setUp()
        lines = [{"stream": f"s-{n}", "type": "T", "data": f"<{n}>"} for n in range(1000)]
        self.run_program("event", "import", self.write("events.ndjson", lines), "--batch", "10")
        self.copy = self.folder / "copy"
        shutil.copytree(self.store, self.copy)

    def segment(self, folder):
        return next((folder / "log").glob("*.seg"))

    def flip_bit(self, folder, text):
        path = self.segment(folder)
        data = bytearray(path.read_bytes())
        data[data.find(text)] ^= 1
        path.write_bytes(data)

    def test_mends_what_verify_finds(self):
        self.append("later")
        before = self.text("event", "export")
        self.flip_bit(self.store, b"<500>")
        finding = self.object("maint", "verify", exit_code=FAILED)["findings"][0]

        sentence = self.error("event", "append", "s", "T")
        self.assertIn("maint repair --from", sentence)
        planned = self.object("maint", "repair", "--from", self.copy, "--dry-run")
        self.assertTrue(planned["dry_run"])
        self.assertEqual(planned["repaired"][0]["file"], finding["file"])
        self.run_program("maint", "verify", exit_code=FAILED)

        report = self.object("maint", "repair", "--from", f"file:{self.copy}")
        self.assertEqual(report["repaired"], planned["repaired"])
        self.assertEqual(list(report), ["dry_run", "repaired", "remaining"])
        self.assertEqual(
            list(report["repaired"][0]),
            ["action", "file", "first_position", "last_position", "bytes_taken", "problem"],
        )
        self.assertEqual(report["remaining"], [])
        self.assertEqual(self.object("maint", "verify")["findings"], [])
        self.assertEqual(self.text("event", "export"), before)
        self.append("later")
        self.assertIn("nothing is damaged", self.text("--output", "table", "maint", "repair", "--from", self.copy))

    def test_says_what_it_cannot_mend(self):
        self.flip_bit(self.store, b"<500>")
        self.flip_bit(self.copy, b"<500>")
        result = self.run_program("maint", "repair", "--from", self.copy, exit_code=FAILED)
        report = json.loads(result.stdout)
        self.assertEqual(report["repaired"], [])
        self.assertIn("damaged there too", report["remaining"][0]["message"])
        table = self.text("--output", "table", "maint", "repair", "--from", self.copy, exit_code=FAILED)
        self.assertIn("not all of the damage can be", table)

    def test_makes_a_lost_manifest_anew(self):
        (self.store / "MANIFEST").unlink()
        self.assertEqual(self.error_object("maint", "stats")["code"], "not_a_store")
        self.object("maint", "repair", "--from", self.copy)
        self.assertEqual(self.stats()["events"], 1000)

    def test_refuses_what_is_no_copy(self):
        other = self.folder / "other"
        self.run_program("event", "append", "s", "T", store=other)
        sentence = self.error("maint", "repair", "--from", other, exit_code=USAGE)
        self.assertIn("another store", sentence)
        self.error("maint", "repair", "--from", self.store, exit_code=USAGE)
        self.error("maint", "repair", exit_code=USAGE)

    def test_refuses_itself_however_it_is_spelt(self):
        link = self.folder / "link"
        link.symlink_to(self.store)
        for spelling in (self.store, f"{self.folder}/./store", f"{self.store}/../store/", link):
            with self.subTest(spelling=spelling):
                sentence = self.error("maint", "repair", "--from", spelling, exit_code=USAGE)
                self.assertIn("cannot be repaired from itself", sentence)
        memory = self.error("maint", "repair", "--from", "memory:", exit_code=USAGE)
        self.assertIn("stores that lie in files", memory)

    def test_tells_a_copy_that_is_not_there_from_a_store_that_is_not(self):
        (self.folder / "photos").mkdir()
        (self.folder / "photos" / "a.jpg").write_text("jpg")
        for name, code in (("no", "not_found"), ("photos", "not_a_store")):
            with self.subTest(name=name):
                copy = self.folder / name
                error = self.error_object("maint", "repair", "--from", copy)
                self.assertEqual((error["code"], error["details"]), (code, {"store": str(copy)}))
                self.assertIn("no copy of an event store", error["message"])
                self.assertNotIn("import", error["message"])
        no = self.folder / "no"
        error = self.error_object("maint", "repair", "--from", self.copy, store=no)
        self.assertEqual((error["code"], error["details"]), ("not_found", {"store": f"file:{no}"}))

    def test_says_that_the_store_is_in_use_as_other_commands_do(self):
        writer = self.start("event", "import", "-", "--batch", "1", stdin=subprocess.PIPE)
        writer.stdin.write(b'{"stream":"s","type":"T"}\n')
        writer.stdin.flush()
        self.wait_for_events(1001)
        error = self.error_object("maint", "repair", "--from", self.copy)
        self.assertEqual(error, self.error_object("event", "append", "s", "T"))
        self.assertEqual(error["code"], "store_locked")

    def test_a_hot_copy_says_what_to_do(self):
        head = (self.store / "HEAD").read_bytes()
        shutil.rmtree(self.store)
        shutil.copytree(self.copy, self.store)
        # The log of a copy made while events were appended ends before its HEAD.
        newer = bytearray(head)
        newer[40:48] = (1003).to_bytes(8, "little")
        (self.store / "HEAD").write_bytes(newer)
        sentence = self.error("event", "append", "s", "T")
        self.assertIn("remove", sentence)
        self.assertIn("HEAD", sentence)
        (self.store / "HEAD").unlink()
        self.append("s")


if __name__ == "__main__":
    support.main()
