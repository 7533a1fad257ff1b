#!/usr/bin/env python3
"""tools/read_store.py prints what the store has, refuses what it must, and nothing else.

usage: read_store_test.py ROOT MAKE_STORE [EVENT_STORE]

MAKE_STORE is the program of make_store.cpp; EVENT_STORE the command line tool, where it is built.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT, MAKE_STORE, *EVENT_STORE = (Path(argument) for argument in sys.argv[1:])
READER = ROOT / "tools" / "read_store.py"
sys.path.insert(0, str(READER.parent))
sys.dont_write_bytecode = True

import read_store  # noqa: E402: it lies in tools/


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, check=False)


def read(store, *options):
    return run(sys.executable, READER, store, *options)


class ReadStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="read-store-"))
        made = run(MAKE_STORE, cls.folder / "made")
        assert made.returncode == 0, made.stderr
        cls.lines = made.stdout.splitlines(keepends=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def store(self):
        """A copy of the store that this case may change, without HEAD: as on another machine."""
        copy = self.folder / self.id()
        shutil.copytree(self.folder / "made", copy)
        (copy / "HEAD").unlink()
        return copy

    def last_segment(self, store):
        return max((store / "log").glob("*.seg"))

    def end_of_log(self, segment):
        return len(segment.read_bytes().rstrip(b"\0")) + 7 & ~7

    def patch(self, path, offset, data):
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def expect_lines(self, result, lines):
        self.assertEqual(result.stdout.splitlines(keepends=True), lines)
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def expect_damage(self, result, words):
        self.assertEqual(result.returncode, 1)
        self.assertIn(words, result.stderr.decode())
        printed = result.stdout.splitlines(keepends=True)
        self.assertEqual(printed, self.lines[: len(printed)])
        self.assertLess(len(printed), len(self.lines))

    def test_prints_every_event_of_every_segment(self):
        self.assertGreater(len(list((self.store() / "log").glob("*.seg"))), 3)
        self.expect_lines(read(self.folder / "made", "--system"), self.lines)
        self.expect_lines(read(self.folder / "made", "--system", "--no-verify"), self.lines)

    def test_leaves_the_stores_own_events_out(self):
        users = [line for line in self.lines if not line.startswith(b'{"stream":"$')]
        self.assertEqual(len(users), len(self.lines) - 1)
        self.expect_lines(read(self.folder / "made"), users)

    def test_reads_a_store_without_a_head_page(self):
        self.expect_lines(read(self.store(), "--system"), self.lines)

    def expect_fewer(self, store, how):
        left = run(MAKE_STORE, how, store)
        self.assertEqual(left.returncode, 0, left.stderr)
        lines = left.stdout.splitlines(keepends=True)
        self.assertLess(len(lines), len(self.lines))
        self.expect_lines(read(store, "--system"), lines)
        self.expect_lines(read(store, "--system", "--no-verify"), lines)

    def test_leaves_out_what_is_deleted(self):
        self.expect_fewer(self.store(), "--delete")

    def test_reads_what_scavenging_left(self):
        store = self.store()
        self.expect_fewer(store, "--scavenge")
        self.assertTrue(list((store / "log").glob("*.1.seg")))

    def set_head(self, store, boot_id, position):
        generation = read_store.read_manifest(store)["generation"]
        page = struct.pack("<Q8s16sQQQ", 0, b"ESHEAD01", boot_id, 1, position, generation)
        (store / "HEAD").write_bytes(page.ljust(4096, b"\0"))

    def test_shows_nothing_beyond_the_durable_head_of_this_boot(self):
        store = self.store()
        boot_id = bytes.fromhex(
            Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
        last_frame = len(self.lines) - 2  # its append has two events
        self.set_head(store, boot_id, last_frame)
        self.expect_lines(read(store, "--system"), self.lines[:last_frame])
        self.set_head(store, bytes(16), last_frame)
        self.expect_lines(read(store, "--system"), self.lines)
        self.set_head(store, boot_id, len(self.lines) + 1)
        self.assertIn(b"before the durable head", read(store, "--system").stderr)
        self.set_head(store, bytes(16), len(self.lines) + 1)
        self.assertIn(b"before the durable head", read(store, "--system").stderr)

    def test_stops_at_a_torn_tail(self):
        for cut in (8, 70, 200, 50_000):
            store = self.store()
            segment = self.last_segment(store)
            frames = self.frames_of(store)
            torn = segment.read_bytes()[: frames[-1][0] + cut]
            segment.write_bytes(torn.ljust(segment.stat().st_size, b"\0"))
            self.expect_lines(read(store, "--system"), self.lines[:frames[-1][1] - 1])
            shutil.rmtree(store)

    def frames_of(self, store):
        """(offset, first position) of the frames with events in the last segment."""
        listed = read_store.read_manifest(store)["segments"][-1]
        segment = read_store.Segment(store, listed, True)
        frames, offset = [], read_store.SEGMENT_HEADER_BYTES
        while offset < self.end_of_log(self.last_segment(store)):
            frame = segment.frame_at(offset)
            if frame["count"]:
                frames.append((offset, frame["first"]))
            offset = frame["end"]
        return frames

    def test_ignores_bytes_behind_the_log(self):
        store = self.store()
        segment = self.last_segment(store)
        end = self.end_of_log(segment)
        with segment.open("r+b") as file:
            file.truncate(end + 4096)
        self.patch(segment, end, b"ESF1" + bytes(range(200)))
        self.expect_lines(read(store, "--system"), self.lines)

    def test_reads_a_last_segment_without_its_zeros(self):
        store = self.store()
        segment = self.last_segment(store)
        os.truncate(segment, self.end_of_log(segment))
        self.expect_lines(read(store, "--system"), self.lines)

    def test_reports_a_changed_byte_anywhere_in_the_events(self):
        store = self.store()
        first = store / "log" / ("%020d.seg" % 1)
        for offset in range(20, self.end_of_log(first), 1999):
            byte = first.read_bytes()[offset : offset + 1]
            self.patch(first, offset, bytes([byte[0] ^ 0x10]))
            with self.assertRaisesRegex(read_store.StoreError, first.name):
                list(read_store.events_of_store(store, True))
            self.patch(first, offset, byte)
        self.expect_lines(read(store, "--system"), self.lines)

    def test_reports_damage_before_sound_frames_in_the_last_segment(self):
        store = self.store()
        offset, position = self.frames_of(store)[0]
        self.patch(self.last_segment(store), offset + 80, b"\xaa\xbb\xcc")
        result = read(store, "--system")
        self.expect_damage(result, self.last_segment(store).name)
        self.assertEqual(len(result.stdout.splitlines()), position - 1)

    def test_reports_a_missing_segment(self):
        store = self.store()
        (store / "log" / ("%020d.seg" % 2)).unlink()
        self.expect_damage(read(store, "--system"), "00000000000000000002.seg")

    def test_reports_a_segment_of_another_store(self):
        store = self.store()
        run(MAKE_STORE, self.folder / "other")
        name = Path("log") / ("%020d.seg" % 2)
        shutil.copyfile(self.folder / "other" / name, store / name)
        self.expect_damage(read(store, "--system"), "another segment")

    def set_manifest(self, store, version, body):
        (store / "MANIFEST").write_bytes(
            b"event-store manifest %d crc32c=%08x\n" % (version, read_store.crc32c(body)) + body)

    def test_refuses_newer_versions(self):
        store = self.store()
        body = (store / "MANIFEST").read_bytes().partition(b"\n")[2]
        self.set_manifest(store, 2, body)
        self.expect_damage(read(store), "version 2 is newer")
        self.set_manifest(store, 1, body)
        self.patch(store / "log" / ("%020d.seg" % 1), 8, struct.pack("<I", 7))
        self.expect_damage(read(store), "version 7 is newer")

    def test_skips_manifest_fields_it_does_not_know(self):
        store = self.store()
        manifest = read_store.read_manifest(store)
        manifest["later"] = {"field": [1]}
        self.set_manifest(store, 1, json.dumps(manifest).encode())
        self.expect_lines(read(store, "--system"), self.lines)

    def test_refuses_a_changed_manifest(self):
        store = self.store()
        manifest = store / "MANIFEST"
        manifest.write_bytes(manifest.read_bytes().replace(b'"generation":', b'"generation": '))
        self.expect_damage(read(store), "MANIFEST: checksum mismatch")

    def test_refuses_what_is_no_store(self):
        self.expect_damage(read(self.folder / "absent"), "no event store")
        self.expect_damage(read(READER), "no event store")
        self.assertEqual(run(sys.executable, READER).returncode, 2)


@unittest.skipUnless(EVENT_STORE, "the command line tool is not built")
class AsExport(unittest.TestCase):
    def test_prints_what_export_prints_of_the_permits(self):
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store"
            tool = [*EVENT_STORE, "--store", f"file:{store}"]
            imported = run(*tool, "event", "import", ROOT / "examples/permits/permits.ndjson.zst")
            self.assertEqual(imported.returncode, 0, imported.stderr)
            exported = run(*tool, "--output", "ndjson", "event", "export")
            self.assertEqual(exported.returncode, 0, exported.stderr)
            self.assertEqual(len(exported.stdout.splitlines()), 8577)
            start = time.monotonic()
            result = read(store)
            self.assertLess(time.monotonic() - start, 60)
            self.assertEqual(result.stderr, b"")
            self.assertTrue(result.stdout == exported.stdout, "the lines differ")

    def test_prints_what_export_prints_of_hostile_events(self):
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store"
            self.assertEqual(run(MAKE_STORE, store).returncode, 0)
            exported = run(*EVENT_STORE, "--store", f"file:{store}", "--output", "ndjson", "event", "export")
            self.assertEqual(exported.returncode, 0, exported.stderr)
            self.assertTrue(read(store).stdout == exported.stdout, "the lines differ")

    def test_prints_what_export_prints_of_deleted_streams(self):
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "store"
            for options in ([], ["--delete"]):
                self.assertEqual(run(MAKE_STORE, *options, store).returncode, 0)
            tool = [*EVENT_STORE, "--store", f"file:{store}", "--output", "ndjson", "event", "export"]
            for options in ([], ["--system"]):
                exported = run(*tool, *options)
                self.assertEqual(exported.returncode, 0, exported.stderr)
                self.assertTrue(read(store, *options).stdout == exported.stdout, "the lines differ")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
