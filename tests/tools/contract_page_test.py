#!/usr/bin/env python3
"""docs/contract.md and tests/contract/ agree: each case is named by a rule, and each name is a case.

usage: contract_page_test.py ROOT
"""

import re
import sys
from pathlib import Path

NAME = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
CASE = re.compile(r"^TEST(?:_P|_F)?\((\w+),\s*(\w+)\)", re.MULTILINE)


def main():
    root = Path(sys.argv[1])
    named = set(NAME.findall((root / "docs/contract.md").read_text(encoding="utf-8")))
    cases = set()
    for source in (root / "tests/contract").glob("*_test.cpp"):
        cases |= {".".join(case) for case in CASE.findall(source.read_text(encoding="utf-8"))}
    for name in sorted(named - cases):
        print(f"docs/contract.md names {name}, which is no case of tests/contract/")
    for case in sorted(cases - named):
        print(f"docs/contract.md does not name {case}")
    return 1 if not cases or named != cases else 0


if __name__ == "__main__":
    sys.exit(main())
