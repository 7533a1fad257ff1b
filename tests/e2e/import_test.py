#!/usr/bin/env python3
"""event import and event export: what goes in comes out, once."""

import collections
import gzip
import json
import os
import signal
import stat
import subprocess

import support
from support import FAILED, PERMITS, TRUTH


def payloads(lines):
    """Each event's identity and the bytes of its data and metadata, as they stand in the line."""
    found = {}
    for line in lines:
        event = json.loads(line)
        begin = line.index(b'"data":') if b'"data":' in line else len(line)
        # Data and metadata are neighbours, in this order, in the file and in an export.
        end = line.index(b',"tags":', begin)
        found[event["stream"], event["id"]] = (event["type"], event["time"], line[begin:end], event["tags"])
    return found


def event(n, **fields):
    return {"stream": f"s-{n % 3}", "type": "T", "id": f"00000000-0000-4000-8000-{n:012}", "data": n} | fields


class Permits(support.EndToEnd):
    def test_all_of_them_are_there(self):
        summary = self.import_permits()
        self.assertEqual(
            (summary["events"], summary["added"], summary["already_there"]), (TRUTH["events"],) * 2 + (0,)
        )
        self.assertGreater(summary["events_per_second"], 0)
        self.assertGreater(summary["seconds"], 0)
        stats = self.stats()
        self.assertEqual((stats["events"], stats["streams"]), (TRUTH["events"], TRUTH["streams"]))
        events = self.list("event", "export")
        self.assertEqual(collections.Counter(e["type"] for e in events), TRUTH["types"])
        tags = collections.Counter(tag for e in events for tag in e["tags"])
        for tag, count in TRUTH["top_tags"]:
            self.assertEqual(tags[tag], count)
        self.assertEqual((events[0]["id"], events[-1]["id"]), (TRUTH["first_id"], TRUTH["last_id"]))
        self.assertEqual(len(self.list("stream", "list")), TRUTH["streams"])

    def test_export_is_the_same_set_byte_for_byte(self):
        self.import_permits()
        exported = self.text("event", "export").encode().splitlines()
        self.assertEqual(payloads(exported), payloads(support.permits_lines()))
        positions = [json.loads(line)["position"] for line in exported]
        self.assertEqual(positions, list(range(1, TRUTH["events"] + 1)))

    def test_a_second_import_changes_nothing_and_says_so(self):
        self.import_permits()
        before = self.text("event", "export")
        text = self.text("--output", "table", "event", "import", PERMITS)
        self.assertTrue(text.startswith("nothing new: all 8,577 events were there already"), text)
        for batch in ("1000", "333", "8577"):
            summary = self.object("event", "import", PERMITS, "--batch", batch)
            self.assertEqual((summary["added"], summary["already_there"]), (0, TRUTH["events"]))
        self.assertEqual(self.text("event", "export"), before)

    def test_from_standard_input_plain_or_compressed(self):
        lines = support.permits_lines()[:100]
        summary = self.object("event", "import", "-", input=b"\n".join(lines))
        self.assertEqual(summary["added"], 100)
        summary = self.object("event", "import", "-", input=PERMITS.read_bytes())
        self.assertEqual((summary["added"], summary["already_there"]), (TRUTH["events"] - 100, 100))


class Export(support.EndToEnd):
    def test_to_a_file_that_imports_again(self):
        self.import_permits()
        for name in ("export.ndjson", "export.ndjson.zst"):
            with self.subTest(name=name):
                path = self.folder / name
                path.write_text("older")
                summary = self.object("event", "export", path)
                self.assertEqual(summary, {"file": str(path), "events": 8577, "bytes": path.stat().st_size})
                copy = self.folder / f"copy of {name}"
                self.run_program("event", "import", path, store=copy)
                strip = lambda lines: [{k: v for k, v in e.items() if k != "recorded_at"} for e in lines]
                self.assertEqual(strip(self.list("event", "export", store=copy)),
                                 strip(self.list("event", "export")))  # fmt: skip
        self.assertEqual((self.folder / "export.ndjson").read_text(), self.text("event", "export"))
        self.assertEqual(sorted(p.name for p in self.folder.glob("export*")), ["export.ndjson", "export.ndjson.zst"])

    def test_a_failed_one_leaves_the_older_file(self):
        path = self.folder / "export.ndjson"
        path.write_text("older")
        self.error("event", "export", path)  # there is no store
        self.assertEqual(path.read_text(), "older")
        self.assertEqual(list(self.folder.iterdir()), [path])
        self.append("s")
        self.assertIn("/no/such", self.error("event", "export", "/no/such/folder/file"))

    def test_a_file_that_is_replaced_keeps_its_permissions_and_its_links(self):
        self.append("s")
        path, link = self.folder / "private.ndjson", self.folder / "link.ndjson"
        path.write_text("older")
        path.chmod(0o600)
        link.symlink_to(path.name)
        self.run_program("event", "export", link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(path.read_text(), self.text("event", "export"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_a_pipe_is_written_to_and_not_replaced(self):
        self.append("s")
        path = self.folder / "pipe"
        os.mkfifo(path)
        process = self.start("event", "export", path)
        self.assertEqual(path.read_text(), self.text("event", "export"))
        self.assertEqual(process.wait(support.SECONDS_MAX), 0)
        self.assertTrue(path.is_fifo())

    def test_a_device_is_written_to_and_not_replaced(self):
        self.append("s")
        devices = {"null": os.makedev(1, 3), "full": os.makedev(1, 7)}
        for name, device in devices.items():
            try:
                os.mknod(self.folder / name, stat.S_IFCHR | 0o666, device)
            except PermissionError:
                self.skipTest("only root can make devices")
        self.run_program("event", "export", self.folder / "null")
        self.assertIn("No space left", self.error("event", "export", self.folder / "full"))
        for name in devices:
            self.assertTrue((self.folder / name).is_char_device())
        self.assertEqual({p.name for p in self.folder.iterdir()} - {"store"}, {"full", "null"})

    def test_a_folder_is_refused(self):
        self.append("s")
        for path in (self.folder, f"{self.folder}/", ""):
            self.assertRegex(self.error("event", "export", path), "^cannot create ")

    def test_system_events_when_asked(self):
        self.append("s")
        self.run_program("stream", "metadata", "s", "--set", '{"a":1}')
        self.assertEqual([e["stream"] for e in self.list("event", "export")], ["s"])
        path = self.folder / "all.ndjson"
        self.run_program("event", "export", path, "--system")
        copy = self.folder / "copy"
        self.assertIn("--system", self.error("event", "import", path, store=copy))
        self.run_program("event", "import", path, "--system", store=copy)
        self.assertEqual(self.object("stream", "metadata", "s", store=copy)["metadata"], {"a": 1})

    def test_cloudevents_there_and_back(self):
        self.import_permits()
        path = self.folder / "events.ndjson"
        self.run_program("event", "export", path, "--format", "cloudevents")
        first = json.loads(path.read_text().splitlines()[0])
        self.assertEqual(first["specversion"], "1.0")
        self.assertEqual(first["type"], "ConfirmationOfReceipt")
        copy = self.folder / "copy"
        self.run_program("event", "import", path, "--format", "cloudevents", store=copy)
        part = lambda line: {k: json.loads(line).get(k) for k in ("stream", "type", "id", "time", "data")}
        self.assertEqual([part(line) for line in self.text("event", "export", store=copy).splitlines()],
                         [part(line) for line in self.text("event", "export").splitlines()])  # fmt: skip
        again = self.object("event", "import", path, "--format", "cloudevents", "--batch", "7", store=copy)
        self.assertEqual(again["added"], 0)


class Mended(support.EndToEnd):
    """Bad lines: what came before is kept, and a second run adds only what is missing."""

    def test_a_bad_line_is_named_and_mending_it_is_enough(self):
        lines = support.permits_lines()
        good = self.write("good.ndjson", lines)
        bad = self.write("bad.ndjson", lines[:4500] + [lines[4500][:-10]] + lines[4501:])
        error = self.error_object("event", "import", bad)
        self.assertEqual(error["code"], "bad_input")
        self.assertIn("bad.ndjson line 4501: ", error["message"])
        self.assertIn("adds only what is missing", error["message"])
        self.assertEqual(error["details"]["line"], 4501)
        self.assertEqual(error["details"]["added"], 4000)
        self.assertEqual(self.stats()["events"], 4000)  # whole batches of 1,000

        summary = self.object("event", "import", good, "--batch", "777")
        self.assertEqual((summary["added"], summary["already_there"]), (TRUTH["events"] - 4000, 4000))
        self.assertEqual(payloads(self.text("event", "export").encode().splitlines()), payloads(lines))

    def test_what_is_wrong_with_a_line(self):
        for line, reason in (
            (b"{", "JSON"),
            (b"[1]", ""),
            (b'{"type":"T"}', "stream"),
            (b'{"stream":"s"}', "type"),
            (b'{"stream":"s","type":"T","id":"7"}', "id"),
            (b'{"stream":"s","type":"T","id":"00000000-0000-0000-0000-000000000000"}', "nil"),
            (b'{"stream":"s","type":"T","time":"noon"}', "time"),
            (b'{"stream":"s","type":"T","data":{"a":}}', "JSON"),
            (b'{"stream":"s","type":"T","tags":"x"}', "tags"),
            (b'{"stream":"s\xff","type":"T"}', "UTF-8"),
            (b'{"stream":"s","type":"T","data":"\xff"}', "UTF-8"),
            (b'{"stream":"s\\u0007","type":"T"}', "control"),
            (b'{"stream":"%s","type":"T"}' % (b"x" * 513), "512"),
            (b'{"stream":"$s","type":"T"}', "'$'"),
            (b'{"stream":"s","type":"T","tags":%s}' % json.dumps(["t"] * 65).encode(), "64"),
        ):
            with self.subTest(line=line):
                path = self.write("bad.ndjson", [event(1), b"", line, event(2)])
                sentence = self.error("event", "import", path)
                self.assertIn("bad.ndjson line 3: ", sentence)
                self.assertIn(reason.lower(), sentence.lower())
                self.assertEqual(self.stats()["events"], 0)

    def test_the_first_bad_line_is_named_whatever_is_wrong_with_it(self):
        path = self.write("bad.ndjson", [event(1), event(2, stream="x" * 600), b"{"])
        self.assertIn("line 2: ", self.error("event", "import", path))

    def test_lines_without_ids_keep_theirs(self):
        plain = {"stream": "s", "type": "T", "data": {"n": 1}}
        other = {"stream": "s", "type": "T", "data": {"n": 2}}
        first = self.write("first.ndjson", [plain, other, plain, b"{"])
        self.error("event", "import", first, "--batch", "2")
        mended = self.write("mended.ndjson", [plain, other, plain, plain])
        summary = self.object("event", "import", mended, "--batch", "3")
        self.assertEqual((summary["added"], summary["already_there"]), (2, 2))
        self.assertEqual([e["data"]["n"] for e in self.list("stream", "read", "s")], [1, 2, 1, 1])
        self.assertEqual(self.object("event", "import", mended)["added"], 0)

    def test_overlaps_of_any_kind_add_only_what_is_missing(self):
        events = [event(n) for n in range(20)]
        self.run_program("event", "import", self.write("some.ndjson", events[3:5] + events[11:13]))
        summary = self.object("event", "import", self.write("all.ndjson", events), "--batch", "4")
        self.assertEqual((summary["added"], summary["already_there"]), (16, 4))
        self.run_program("event", "import", self.write("back.ndjson", events[::-1]), "--batch", "6")
        self.assertEqual(sorted(e["data"] for e in self.list("event", "export")), list(range(20)))

    def test_the_same_line_twice_is_one_event(self):
        for batch in ("1", "2", "100"):
            with self.subTest(batch=batch):
                path = self.write("twice.ndjson", [event(1), event(2), event(1), event(2)])
                summary = self.object("event", "import", path, "--batch", batch, store=self.folder / batch)
                self.assertEqual((summary["added"], summary["already_there"]), (2, 2))

    def test_an_id_that_comes_again_with_another_event_is_an_error(self):
        for batch in ("1", "2", "100"):
            with self.subTest(batch=batch):
                path = self.write("twice.ndjson", [event(1), event(2), event(1, data="other")])
                error = self.error_object("event", "import", path, "--batch", batch, store=self.folder / batch)
                self.assertEqual((error["code"], error["details"]["line"]), ("bad_input", 3))

    def test_nothing_behind_such_a_line_is_added(self):
        lines = [event(1), event(2), event(2, data="other"), *[event(n) for n in range(3, 40)]]
        error = self.error_object("event", "import", self.write("twice.ndjson", lines), "--batch", "1")
        self.assertEqual((error["details"]["line"], error["details"]["added"]), (3, 2))
        self.assertEqual(self.stats()["events"], 2)

    def test_the_same_id_in_two_streams_is_two_events(self):
        path = self.write("two.ndjson", [event(1), event(1, stream="other")])
        self.assertEqual(self.object("event", "import", path)["added"], 2)

    def test_forms_of_a_file(self):
        text = b"\r\n".join(json.dumps(event(n)).encode() for n in range(3))
        path = self.folder / "windows.ndjson"
        path.write_bytes(b"\xef\xbb\xbf" + text)
        self.assertEqual(self.object("event", "import", path)["added"], 3)
        empty = self.write("empty.ndjson", [])
        self.assertEqual(self.object("event", "import", empty)["events"], 0)

    def test_a_compressed_file_that_is_cut_short(self):
        path = self.folder / "cut.zst"
        path.write_bytes(PERMITS.read_bytes()[:-1000])
        error = self.error_object("event", "import", path)
        self.assertIn("zstd", error["message"])
        self.assertEqual((error["code"], error["details"]["file"]), ("bad_input", str(path)))
        summary = self.object("event", "import", PERMITS)
        self.assertEqual(summary["added"] + summary["already_there"], TRUTH["events"])

    def test_a_file_that_is_not_there(self):
        self.assertIn("nowhere.ndjson", self.error("event", "import", "nowhere.ndjson"))
        self.assertFalse(self.exists())


class Interrupted(support.EndToEnd):
    def test_an_interrupt_ends_it_and_keeps_whole_batches(self):
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=signal_number):
                self.store = self.folder / signal_number.name
                process = self.start("event", "import", "-", "--batch", "2", stdin=subprocess.PIPE)
                for n in range(5):
                    process.stdin.write(json.dumps(event(n)).encode() + b"\n")
                process.stdin.flush()
                self.wait_for_events(4)
                process.send_signal(signal_number)
                self.assertEqual(process.wait(support.SECONDS_MAX), FAILED)
                self.assertIn(b"interrupted; 4 events are in the store", process.stderr.read())
                self.assertEqual(self.stats()["events"], 4)


class OtherForms(support.EndToEnd):
    def test_a_line_of_the_other_form_is_recognised(self):
        event = {"specversion": "1.0", "id": "1", "source": "/doors", "type": "Opened", "data": {}}
        cloud_event = self.write("cloud.json", [event])
        ndjson = self.write("events.ndjson", [{"stream": "s", "type": "T"}])
        self.assertIn("looks like a CloudEvent: --format cloudevents", self.error("event", "import", cloud_event))
        sentence = self.error("event", "import", ndjson, "--format", "cloudevents")
        self.assertIn("looks like an event in NDJSON: --format ndjson", sentence)
        neither = self.write("neither", [{"type": "T"}])
        self.assertNotIn("--format", self.error("event", "import", neither))

    def test_gzip_is_recognised(self):
        path = self.folder / "events.ndjson.gz"
        path.write_bytes(gzip.compress(b'{"stream":"s","type":"T"}\n'))
        sentence = self.error("event", "import", path)
        self.assertIn("events.ndjson.gz is compressed by gzip", sentence)
        self.assertIn("zcat FILE | event-store event import -", sentence)
        self.assertFalse(self.exists())


if __name__ == "__main__":
    support.main()
