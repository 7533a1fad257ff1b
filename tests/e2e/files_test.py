#!/usr/bin/env python3
"""What can befall the files of a store: a clear error that says what to do, and nothing is lost."""

import json
import resource
import shutil
import subprocess

import support
from support import DONE, FAILED, PERMITS


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class NoFolder(support.EndToEnd):
    def test_a_folder_that_cannot_be(self):
        (self.folder / "file").write_text("")
        store = self.folder / "file" / "store"
        self.assertIn(str(store), self.error("event", "append", "s", "T", store=store))

    def test_a_folder_whose_parent_is_not_there(self):
        sentence = self.error("event", "append", "s", "T", store=self.folder / "no" / "store")
        self.assertIn("make the folder", sentence)
        self.assertNotIn("event import", sentence)


class LockedStore(support.EndToEnd):
    def test_a_second_writer_is_refused_and_readers_are_not(self):
        self.append("s")
        writer = self.start("event", "import", "-", "--batch", "1", stdin=subprocess.PIPE)
        writer.stdin.write(b'{"stream":"s","type":"T"}\n')
        writer.stdin.flush()
        self.wait_for_events(2)
        error = self.error_object("event", "append", "s", "T")
        self.assertEqual(error["code"], "store_locked")
        self.assertIn("another process is writing to the store", error["message"])
        self.assertIn("wait", error["message"])
        self.error("event", "import", PERMITS)
        self.assertEqual(self.stats()["events"], 2)
        writer.stdin.close()
        self.assertEqual(writer.wait(support.SECONDS_MAX), DONE)
        self.append("s")


class NoStore(support.EndToEnd):
    def test_a_file_or_a_folder_of_other_things(self):
        file = self.write("notes.txt", [b"not a store"])
        folder = self.folder / "photos"
        folder.mkdir()
        (folder / "a.jpg").write_text("jpg")
        for path in (file, folder):
            for arguments in (["maint", "stats"], ["event", "append", "s", "T"]):
                with self.subTest(path=path, arguments=arguments):
                    error = self.error_object(*arguments, store=path)
                    self.assertIn(error["code"], ("not_a_store", "not_found"))
                    self.assertIn(str(path), error["message"])
                    self.assertIn("--store", error["message"])
        self.assertEqual(file.read_text(), "not a store\n")
        self.assertEqual([p.name for p in folder.iterdir()], ["a.jpg"])


class NewerVersion(support.EndToEnd):
    def test_of_the_manifest(self):
        self.append("s")
        path = self.store / "MANIFEST"
        body = path.read_bytes().split(b"\n", 1)[1]
        path.write_bytes(b"event-store manifest 2 crc32c=%08x\n" % crc32c(body) + body)
        self.assert_refused()

    def test_of_a_segment(self):
        self.append("s")
        path = next((self.store / "log").glob("*.seg"))
        data = bytearray(path.read_bytes())
        data[8:12] = (2).to_bytes(4, "little")  # outside the header's checksum
        path.write_bytes(data)
        self.assert_refused()

    def assert_refused(self):
        before = {p: p.read_bytes() for p in self.store.rglob("*") if p.is_file() and p.name != "HEAD"}
        for arguments in (["stream", "list"], ["event", "append", "s", "T"]):
            error = self.error_object(*arguments)
            self.assertEqual(error["code"], "unsupported_format")
            self.assertIn("version", error["message"])
        for path, data in before.items():
            self.assertEqual(path.read_bytes(), data, path)


class Damage(support.EndToEnd):
    def flip_bit(self, text):
        """Damages the data of the event that has `text`, and returns the segment's name."""
        for path in sorted((self.store / "log").glob("*.seg")):
            data = bytearray(path.read_bytes())
            at = data.find(text)
            if at >= 0:
                data[at] ^= 1
                path.write_bytes(data)
                return path.name
        self.fail(f"no segment has {text}")

    def test_is_found_and_named_and_the_rest_can_be_read(self):
        lines = [{"stream": f"s-{n}", "type": "T", "data": f"<{n}>"} for n in range(1000)]
        self.run_program("event", "import", self.write("events.ndjson", lines), "--batch", "10")
        name = self.flip_bit(b"<500>")

        result = self.run_program("maint", "verify", exit_code=FAILED)
        report = json.loads(result.stdout)
        finding = report["findings"][0]
        self.assertEqual(
            list(finding),
            ["message", "file", "offset", "first_position", "last_position", "stream_count", "streams"],
        )
        self.assertIn(name, finding["file"])
        self.assertGreater(finding["offset"], 0)
        self.assertLessEqual(finding["first_position"], 501)
        self.assertGreaterEqual(finding["last_position"], 501)
        self.assertIn(name, self.text("--output", "table", "maint", "verify", exit_code=FAILED))

        read = self.error_object("stream", "read", "s-500")
        self.assertEqual(read["code"], "corruption")
        self.assertIn(name, read["details"]["file"])
        self.assertEqual(self.error_object("event", "append", "s", "T")["code"], "corruption")
        self.assertEqual(self.error_object("event", "export")["code"], "corruption")
        self.assertEqual(self.error_object("maint", "stats")["code"], "corruption")
        result = self.run_program("event", "tail", "--from", "1", exit_code=FAILED)
        self.assertEqual(len(result.stdout.splitlines()), 500)  # what lies before the damage

    def test_is_told_once_by_a_command(self):
        lines = [{"stream": f"s-{n}", "type": "T", "data": f"<{n}>"} for n in range(100)]
        self.run_program("event", "import", self.write("events.ndjson", lines), "--batch", "10")
        name = self.flip_bit(b"<50>")
        result = self.run_program("event", "export", self.folder / "copy.ndjson", exit_code=FAILED)
        notice, failure = result.stderr.decode().splitlines()
        self.assertRegex(notice, f"^event-store: error: .*{name}")
        self.assertRegex(failure, f"^event-store: .*{name}.*maint verify")
        self.assertEqual(self.run_program("maint", "verify", exit_code=FAILED).stderr, b"")
        self.assertIn("can only be read", self.error("event", "append", "s", "T"))

    def test_of_a_posting_file_is_a_warning_of_what_is_read_in_its_place(self):
        self.import_permits()
        path = next((self.store / "log").glob("*.post"))
        data = bytearray(path.read_bytes())
        data[20] ^= 1
        path.write_bytes(data)
        warning = self.run_program("stream", "list").stderr.decode()
        self.assertRegex(warning, rf"^event-store: warning: .*{path.name}.* until the store is opened for writing")
        self.assertEqual(path.read_bytes(), data)
        result = self.run_program("maint", "verify", exit_code=FAILED)
        self.assertEqual(result.stderr, b"")
        self.assertIn(path.name, json.loads(result.stdout)["findings"][0]["file"])

    def test_of_a_log_that_ends_before_its_durable_head_is_told_by_every_reader(self):
        lines = [{"stream": f"s-{n}", "type": "T", "data": f"<{n}>"} for n in range(1000)]
        self.run_program("event", "import", self.write("events.ndjson", lines), "--batch", "100")
        path = next((self.store / "log").glob("*.seg"))
        data = path.read_bytes()
        for cut in (data.find(b"<500>"), 4096, 100):
            for padding in (0, len(data) - cut):  # cut short, or zeros
                path.write_bytes(data[:cut] + bytes(padding))
                copy = self.folder / "copy.ndjson"
                for arguments in (["event", "export", copy], ["event", "tail"], ["event", "replay"]):
                    self.assertEqual(self.error_object(*arguments)["code"], "corruption", arguments)
                self.assertFalse(copy.exists())
                self.run_program("maint", "verify", exit_code=FAILED)
                self.assertEqual(self.error_object("event", "append", "s", "T")["code"], "corruption")

    def test_damage_is_told_whole_in_80_columns(self):
        self.append("s-1", data='"<1>"')
        self.run_program("event", "append", "s-2", "T", "--data", '"<2>"')
        copy = self.folder / "copy"
        shutil.copytree(self.store, copy)
        path = next((self.store / "log").glob("*.seg"))
        path.write_bytes(path.read_bytes().replace(b"<1>", b"<7>"))
        message = self.object("maint", "verify", exit_code=support.FAILED)["findings"][0]["message"]
        for arguments in (["verify"], ["repair", "--from", copy, "--dry-run"]):
            with self.subTest(arguments=arguments):
                self.assertIn(message, self.on_terminal("maint", *arguments, columns=80))


class LostLog(support.EndToEnd):
    def test_says_what_is_missing_and_what_to_do(self):
        self.append("s")
        (self.store / "log").rename(self.folder / "elsewhere")
        for arguments in (["stream", "list"], ["maint", "verify"], ["event", "append", "s", "T"]):
            with self.subTest(arguments=arguments):
                error = self.error_object(*arguments)
                self.assertEqual(error["code"], "corruption")
                self.assertIn(f"the folder {self.store}/log, which holds the events, is missing", error["message"])
                self.assertIn("restore the store from a copy", error["message"])
                self.assertNotIn("import", error["message"])
        (self.folder / "elsewhere").rename(self.store / "log")
        self.append("s")


class ReadOnlyFileSystem(support.EndToEnd):
    def test_says_that_the_store_can_be_read(self):
        mount = self.folder / "mount"
        mount.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mount], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", mount], check=True)
        self.store = mount / "store"
        self.append("s")
        subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
        self.assertIn("what is there can only be read", self.error("event", "append", "s", "T"))
        self.assertEqual(self.stats()["events"], 1)


class FullDisk(support.EndToEnd):
    def import_into_little_room(self, **options):
        """An import that runs out of space: a clear error, and what was there is still there."""
        self.append("s")
        error = self.error_object("event", "import", self.lines(), **options)
        self.assertEqual(error["code"], "no_space")
        self.assertRegex(error["message"], "space|size|room")
        kept = self.stats()["events"]
        self.assertEqual(kept, 1 + error["details"]["added"])
        self.assertEqual(self.object("maint", "verify")["findings"], [])
        return kept

    def finish_with_room(self, kept):
        summary = self.object("event", "import", self.lines())
        self.assertEqual(summary["already_there"], kept - 1)
        self.assertEqual(self.stats()["events"], 1 + 20_000)

    def lines(self):
        path = self.folder / "events.ndjson"
        if not path.exists():
            padding = "x" * 1000
            with open(path, "w", encoding="utf-8") as file:
                for n in range(20_000):
                    file.write(json.dumps({"stream": f"s-{n % 100}", "type": "T", "data": [n, padding]}) + "\n")
        return path

    def test_a_file_size_limit(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10 << 20, 10 << 20))

        kept = self.import_into_little_room(preexec_fn=limit)
        self.finish_with_room(kept)

    def test_a_full_file_system(self):
        mount = self.folder / "mount"
        mount.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", mount],
                                 capture_output=True, check=False)  # fmt: skip
        if mounted.returncode != 0:
            self.skipTest(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", mount], check=True)
        self.store = mount / "store"
        kept = self.import_into_little_room()
        subprocess.run(["mount", "-o", "remount,size=200m", mount], check=True)
        self.finish_with_room(kept)


if __name__ == "__main__":
    support.main()
