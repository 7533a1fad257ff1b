#!/usr/bin/env python3
"""The worked example of docs/formats/store.md is the golden store, byte for byte.

usage: store_page_test.py ROOT

The example shows each file in a block that begins with three backquotes and the file's name. A line
has an offset (8 hexadecimal digits), two spaces, bytes, and after two spaces more what they mean. What
no line shows is zero. The manifest is shown as it is. Then read_store.py must print the lines beside it.
"""

import re
import subprocess
import sys
from pathlib import Path

LINE = re.compile(r"^([0-9a-f]{8})  ((?:[0-9a-f]{2} ?)+)(?:  .*)?$")
BLOCK = re.compile(r"^```(\S*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def bytes_of(dump):
    """The bytes that a dump shows, zeros between them."""
    data = bytearray()
    for line in dump.splitlines():
        match = LINE.match(line)
        if not match:
            raise SystemExit(f"store.md: this is no line of a dump: {line}")
        offset = int(match[1], 16)
        if offset < len(data):
            raise SystemExit(f"store.md: the dump goes back: {line}")
        data += bytes(offset - len(data)) + bytes.fromhex(match[2])
    return bytes(data)


def main():
    root = Path(sys.argv[1])
    golden = root / "tests/golden/store-v1"
    page = (root / "docs/formats/store.md").read_text(encoding="utf-8")
    example = page.partition("\n## Worked example\n")[2].partition("\n## ")[0]
    shown = dict(BLOCK.findall(example))
    failures = []
    for path in sorted(path for path in golden.rglob("*") if path.is_file()):
        name = path.relative_to(golden).as_posix()
        if name not in shown:
            failures.append(f"the page does not show {name}")
            continue
        data = shown[name].encode() if name == "MANIFEST" else bytes_of(shown[name])
        if data.rstrip(b"\n") != path.read_bytes().rstrip(b"\n"):
            failures.append(f"the page shows other bytes of {name}")
    reader = subprocess.run([sys.executable, root / "tools/read_store.py", golden, "--system"],
                            capture_output=True, check=False)
    if (reader.returncode, reader.stdout) != (0, golden.with_suffix(".ndjson").read_bytes()):
        failures.append(f"read_store.py prints something else: {reader.stderr.decode()}")
    if "ndjson" not in shown or shown["ndjson"].encode() != golden.with_suffix(".ndjson").read_bytes():
        failures.append("the page shows other events")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
