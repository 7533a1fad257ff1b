#!/usr/bin/env python3
"""Reads an embedded event store, from docs/formats/store.md alone, and prints its events as NDJSON.

The lines are those of `event-store event export`. Exit codes: 0 all was read; 1 the store is damaged,
newer than this program, or no store (standard error says which); 2 wrong usage. What comes before
damage is printed. Python 3.9 or newer, nothing else. Two checks are left to `maint verify`: the digests
of sealed segments (XXH3-128) and the posting files.
"""

import argparse
import array
import base64
import itertools
import json
import re
import struct
import sys
import uuid
from pathlib import Path

FORMAT_VERSION = 1
MANIFEST_TITLE = b"event-store manifest "
SEGMENT_HEADER_BYTES = 4096
FRAME_MAGIC = b"ESF1"
FRAME_HEADER = struct.Struct("<4sIIIQQQqII8x")
EVENT_HEADER = struct.Struct("<IIIIQ16sHBBIHHHHII")
MARK, SEAL = 1, 2
HUSK, SYSTEM, BOUNDS = 2, 4, 8
JSON_FORMAT, BINARY_FORMAT = 1, 2
OCCURRED_AT = 0x0001
CRITICAL = 0x8000


class StoreError(Exception):
    """Why a store cannot be read, or not any further."""


# ---- CRC-32C, two bytes a step -------------------------------------------------------------------


def crc_tables():
    one = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        one.append(value)
    return one, [one[(one[w & 255] ^ w >> 8) & 255] ^ one[w & 255] >> 8 for w in range(65536)]


CRC_OF_BYTE, CRC_OF_TWO = crc_tables()


def crc32c(data):
    whole = len(data) & ~1
    words = array.array("H", bytes(data[:whole]))
    if sys.byteorder == "big":
        words.byteswap()
    crc, table = 0xFFFFFFFF, CRC_OF_TWO
    for word in words:
        crc = table[(crc ^ word) & 0xFFFF] ^ crc >> 16
    for byte in data[whole:]:
        crc = CRC_OF_BYTE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


# ---- MANIFEST and HEAD ---------------------------------------------------------------------------


def read_manifest(folder):
    try:
        data = (folder / "MANIFEST").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{folder}: there is no event store: it has no MANIFEST") from None
    title, _, body = data.partition(b"\n")
    words = title[len(MANIFEST_TITLE):].split()
    if not title.startswith(MANIFEST_TITLE) or not words or not words[0].isdigit():
        raise StoreError(f"{folder}/MANIFEST: this is no manifest of an event store")
    if int(words[0]) > FORMAT_VERSION:
        raise StoreError(f"{folder}/MANIFEST: format version {int(words[0])} is newer than this program reads")
    if words[1:] != [b"crc32c=%08x" % crc32c(body)]:
        raise StoreError(f"{folder}/MANIFEST: checksum mismatch")
    return json.loads(body)


def read_head(folder):
    """(durable head, manifest generation it needs, whether a writer of this very boot left them)."""
    try:
        page = (folder / "HEAD").read_bytes()
    except OSError:
        return None
    if len(page) < 64 or page[8:16] != b"ESHEAD01":
        return None
    try:
        boot_id = uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    except (OSError, ValueError):
        boot_id = None
    return *struct.unpack_from("<QQ", page, 40), boot_id is not None and page[16:32] == boot_id.bytes


# ---- segments, frames and events -----------------------------------------------------------------


class Segment:
    """One segment file; `link` moves on with the frames."""

    def __init__(self, folder, listed, verify):
        revision = ".%d" % listed["revision"] if "revision" in listed else ""
        self.name = "log/%020d%s.seg" % (listed["number"], revision)
        self.data = memoryview((folder / self.name).read_bytes())
        self.verify = verify
        header = self.data[:SEGMENT_HEADER_BYTES]
        if len(header) < SEGMENT_HEADER_BYTES or header[:8] != b"ESSEGMNT":
            raise self.damage(0, "this is no segment of an event store")
        version, checksum = struct.unpack_from("<II", header, 8)
        if version > FORMAT_VERSION:
            raise StoreError(f"{self.name}: format version {version} is newer than this program reads")
        if verify and crc32c(header[16:]) != checksum:
            raise self.damage(0, "checksum mismatch in the segment header")
        self.seed = struct.pack("<I", crc32c(header[16:64]))
        self.id = uuid.UUID(bytes=bytes(header[32:48]))
        self.number, self.position, self.link, revision, next_link = struct.unpack_from("<QQIII", header, 48)
        self.next_link = next_link if revision else None  # None: it is the checksum of the last frame
        if (str(self.id), self.number, self.position) != (
                listed["id"], listed["number"], listed["first_position"]):
            raise self.damage(0, "this is another segment than MANIFEST lists")

    def damage(self, offset, what):
        return StoreError(f"{self.name} at byte {offset}: {what}")

    def frame_at(self, offset):
        """The header of the frame at `offset`, checked but for its link, as a dict."""
        if len(self.data) - offset < FRAME_HEADER.size:
            raise self.damage(offset, "frame header cut short")
        magic, checksum, flags, count, size, first, following, recorded, link, body = (
            FRAME_HEADER.unpack_from(self.data, offset))
        if magic != FRAME_MAGIC:
            raise self.damage(offset, "no frame starts here")
        header = self.data[offset + 8:offset + FRAME_HEADER.size]
        if self.verify and crc32c(bytes(header) + self.seed) != checksum:
            raise self.damage(offset, "checksum mismatch in a frame header")
        if size % 8 or size > len(self.data) - offset - FRAME_HEADER.size:
            raise self.damage(offset, "frame runs past the end of the file")
        return {"flags": flags, "count": count, "first": first, "next": following, "link": link,
                "recorded_at": recorded, "body_checksum": body, "checksum": checksum,
                "body": offset + FRAME_HEADER.size, "end": offset + FRAME_HEADER.size + size}

    def events_of(self, frame):
        """The events of a frame, all of them checked."""
        events, checksums, at = [], [], frame["body"]
        while at < frame["end"]:
            event = self.event_at(at, frame)
            events.append(event)
            checksums.append(event["checksum"])
            at += event["length"]
        if len(events) != frame["count"]:
            raise self.damage(frame["body"], "a frame has another number of events than it says")
        body = struct.pack(f"<{len(checksums)}I", *checksums) + self.seed
        if self.verify and crc32c(body) != frame["body_checksum"]:
            raise self.damage(frame["body"], "checksum mismatch over the events of a frame")
        return events

    def event_at(self, at, frame):
        if frame["end"] - at < EVENT_HEADER.size:
            raise self.damage(at, "event header cut short")
        (checksum, length, distance, delta, version, event_id, flags, payload_format, codec, schema,
         *lengths) = EVENT_HEADER.unpack_from(self.data, at)
        padded = EVENT_HEADER.size + sum(lengths) + 7 & ~7
        if length != padded or length > frame["end"] - at:
            raise self.damage(at, "an event's length is impossible")
        record = self.data[at:at + length]
        if self.verify and crc32c(bytes(record[64:]) + bytes(record[4:64]) + self.seed) != checksum:
            raise self.damage(at, "checksum mismatch in an event")
        if distance * 8 != at - frame["body"] + FRAME_HEADER.size:
            raise self.damage(at, "an event is of another frame")
        if codec != 0 or payload_format not in (JSON_FORMAT, BINARY_FORMAT):
            raise self.damage(at, "the event needs a newer program")
        parts, start = [], EVENT_HEADER.size
        for size in (lengths[0], lengths[1], lengths[2], lengths[4], lengths[5], lengths[3]):
            parts.append(bytes(record[start:start + size]))
            start += size
        stream, kind, tags, metadata, data, extensions = parts
        return {"checksum": checksum, "length": length, "flags": flags, "id": uuid.UUID(bytes=event_id),
                "format": payload_format, "schema_version": schema, "version": version,
                "position": frame["first"] + delta, "recorded_at": frame["recorded_at"],
                "stream": stream.decode(), "type": kind.decode(), "data": data, "metadata": metadata,
                "tags": [tag.decode() for tag in pieces("<H", tags)],
                "occurred_at": self.occurred_at(at, extensions)}

    def occurred_at(self, at, extensions):
        for (identifier, value) in pieces("<HH", extensions):
            if identifier == OCCURRED_AT:
                return struct.unpack("<q", value)[0]
            if identifier >= CRITICAL:
                raise self.damage(at, "the event needs a newer program")
        return None

    def has_frame_beyond(self, offset, position):
        """Whether a whole frame with a first position from `position` on follows `offset`."""
        data, self.verify = bytes(self.data), True
        at = data.find(FRAME_MAGIC, offset + 1)
        while at >= 0:
            try:
                frame = self.frame_at(at)
                if at % 8 == 0 and frame["first"] >= position and self.events_of(frame) is not None:
                    return True
            except (StoreError, ValueError, struct.error):
                pass  # bytes that look like a frame
            at = data.find(FRAME_MAGIC, at + 1)
        return False


def pieces(form, data):
    """Length-prefixed strings, or (identifier, bytes) for two numbers in front."""
    at = 0
    while at < len(data):
        *identifier, size = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        piece = data[at:at + size]
        yield (identifier[0], piece) if identifier else piece
        at += size


def events_of_store(folder, verify):
    """Every event of the store, in order. Raises StoreError where it cannot go on."""
    manifest, head = read_manifest(folder), read_head(folder)
    while head and head[2] and head[1] > manifest["generation"]:
        manifest, head = read_manifest(folder), read_head(folder)
    lost_before = head[0] if head else 0
    durable = head[0] if head and head[2] else None
    position, link = 1, 0
    for listed in manifest["segments"]:
        if durable is not None and position > durable:
            return
        segment = Segment(folder, listed, verify)
        if segment.position != position or segment.link != link:
            raise segment.damage(0, "the segment does not follow the one before")
        for event in events_of_segment(segment, listed, durable):
            yield event
        position = segment.position
        link = segment.link if segment.next_link is None else segment.next_link
    if position <= lost_before:
        raise StoreError(f"{segment.name}: the log ends at position {position - 1}, before the durable "
                         f"head {lost_before}")


def first_versions(folder):
    """For each stream of which something is deleted, the first version that is not. In a damaged
    store what comes before the damage counts."""
    firsts = {}
    try:
        for event in events_of_store(folder, verify=False):
            if event["flags"] & HUSK or not event["flags"] & BOUNDS:
                continue
            if event["type"] == "$tombstone":
                firsts[event["stream"]] = event["version"]
            else:
                firsts[event["stream"][len("$$"):]] = json.loads(event["data"]).get("$tb", 1)
    except (StoreError, OSError, ValueError, struct.error):
        pass  # whoever reads the events comes to it as well
    return firsts


def events_of_segment(segment, listed, durable):
    """Goes through the frames, and leaves segment.position and segment.link behind the last one."""
    offset, recorded_at, sealed = SEGMENT_HEADER_BYTES, None, "last_position" in listed
    while True:
        beyond_head = durable is not None and segment.position > durable
        at_end = len(segment.data) - offset < 4 or not any(segment.data[offset:offset + 4])
        if beyond_head and not sealed:
            return
        try:
            if at_end:
                raise segment.damage(offset, "the log ends here")
            frame = segment.frame_at(offset)
            if (frame["link"], frame["first"]) != (segment.link, segment.position):
                raise segment.damage(offset, "a frame does not follow the one before")
            if recorded_at is not None and frame["recorded_at"] < recorded_at:
                raise segment.damage(offset, "recorded_at decreases")
            events = segment.events_of(frame)
        except StoreError:
            if sealed or segment.has_frame_beyond(offset, segment.position):
                raise
            return  # the torn remainder of an append that was never acknowledged
        yield from events
        segment.position, segment.link = frame["next"], frame["checksum"]
        offset, recorded_at = frame["end"], frame["recorded_at"]
        if frame["flags"] & SEAL:
            if sealed and segment.position != listed["last_position"] + 1:
                raise segment.damage(offset, "the segment ends before its last position")
            return


# ---- lines: docs/formats/ndjson.md ---------------------------------------------------------------

ESCAPES = {**{code: "\\u%04x" % code for code in range(32)},
           ord('"'): '\\"', ord("\\"): "\\\\", 10: "\\n", 13: "\\r", 9: "\\t"}
JSON_SPACE = b" \t\n\r"
JSON_DEPTH_MAX = 1024


def quoted(text):
    return '"' + text.translate(ESCAPES) + '"'


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def is_json(data):
    """Whether this is one JSON value of RFC 8259: numbers are of any size, NaN is none."""
    ignore = lambda digits: None  # noqa: E731: the value of a number does not matter
    try:
        text = data.decode()
        json.loads(text, parse_constant=refuse, parse_int=ignore, parse_float=ignore)
    except (ValueError, RecursionError):
        return False
    return depth_of(text) <= JSON_DEPTH_MAX


def depth_of(text):
    """How deep arrays and objects lie in a JSON text, empty ones not counted."""
    text = re.sub(r"\[\s*\]|\{\s*\}", "", re.sub(r'"(?:\\.|[^"\\])*"', "0", text))
    steps = (1 if char in "[{" else -1 for char in text if char in "[]{}")
    return max(itertools.accumulate(steps), default=0)


def fits_in_line(data):
    return data != b"" and data[0] not in JSON_SPACE and data[-1] not in JSON_SPACE and not (
        b"\n" in data or b"\r" in data)


def timestamp(microseconds):
    """RFC 3339 in UTC, also in the year 0, which datetime does not have."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    days, second = divmod(seconds, 86_400)
    era, day_of_era = divmod(days + 719_468, 146_097)  # eras of 400 years from 0000-03-01 on
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (month <= 2)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (
        year, month, day, second // 3600, second // 60 % 60, second % 60, fraction)


def line_of(event):
    fields = [b'"stream":' + quoted(event["stream"]).encode(), b'"type":' + quoted(event["type"]).encode(),
              b'"id":"%s"' % str(event["id"]).encode()]
    if event["occurred_at"] is not None:
        fields.append(b'"time":"%s"' % timestamp(event["occurred_at"]).encode())
    for name, is_text in (("data", event["format"] == JSON_FORMAT), ("metadata", None)):
        value = event[name]
        if fits_in_line(value) and (is_json(value) if is_text is None else is_text):
            fields.append(b'"%s":%s' % (name.encode(), value))
        elif value:
            fields.append(b'"%s_base64":"%s"' % (name.encode(), base64.b64encode(value)))
    if event["tags"]:
        fields.append(b'"tags":[%s]' % ",".join(quoted(tag) for tag in event["tags"]).encode())
    if event["format"] == BINARY_FORMAT:
        fields.append(b'"format":"binary"')
    if event["schema_version"] != 1:
        fields.append(b'"schema_version":%d' % event["schema_version"])
    fields.append(b'"version":%d,"position":%d' % (event["version"], event["position"]))
    if event["recorded_at"] != 0:
        fields.append(b'"recorded_at":"%s"' % timestamp(event["recorded_at"]).encode())
    return b"{" + b",".join(fields) + b"}\n"


def main():
    parser = argparse.ArgumentParser(description="Print the events of an embedded event store as NDJSON.")
    parser.add_argument("store", type=Path, help="the folder of the store")
    parser.add_argument("--system", action="store_true", help="also the store's own events ('$')")
    parser.add_argument("--no-verify", action="store_true", help="do not compute checksums: faster")
    options = parser.parse_args()
    sys.setrecursionlimit(10_000)  # for JSON as deep as the store takes it
    hidden = HUSK if options.system else HUSK | SYSTEM
    try:
        firsts = first_versions(options.store)
        for event in events_of_store(options.store, not options.no_verify):
            is_deleted = event["version"] < firsts.get(event["stream"], 1)
            if not event["flags"] & hidden and not is_deleted:
                sys.stdout.buffer.write(line_of(event))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except (StoreError, OSError, ValueError, struct.error) as error:
        sys.stdout.buffer.flush()
        print(f"read_store: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
