#!/usr/bin/env python3
"""Every test that docs/failures.md names is there.

usage: failures_page_test.py ROOT
"""

import re
import sys
from pathlib import Path

NAMED = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
NAMED_E2E = re.compile(r"`e2e\.(\w+)`")
CASE = re.compile(r"^(?:TYPED_)?(?:TEST(?:_P|_F)?|RC_GTEST_PROP)\((\w+),\s*(\w+)", re.MULTILINE)


def main():
    root = Path(sys.argv[1])
    page = (root / "docs/failures.md").read_text(encoding="utf-8")
    cases = set()
    for folder in ("src", "tests"):
        for source in (root / folder).rglob("*_test.cpp"):
            cases |= {".".join(case) for case in CASE.findall(source.read_text(encoding="utf-8"))}
    suites = {path.stem.removesuffix("_test") for path in (root / "tests/e2e").glob("*_test.py")}

    missing = sorted(set(NAMED.findall(page)) - cases)
    missing += sorted(f"e2e.{name}" for name in set(NAMED_E2E.findall(page)) - suites)
    for name in missing:
        print(f"docs/failures.md names {name}, which is no test")
    return 1 if missing or not NAMED.findall(page) else 0


if __name__ == "__main__":
    sys.exit(main())
