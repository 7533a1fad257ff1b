#!/usr/bin/env python3
"""Fails where a block of C++ of a page is not in one of the programs that it is an excerpt of.
  excerpts.py PAGE PROGRAM..."""

import sys
from pathlib import Path


def stripped(lines):
    return "\n".join(line.strip() for line in lines)


def blocks(page):
    """What stands between the fences of C++, each as lines."""
    block = None
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            if block is not None:
                yield block
            block = [] if line == "```cpp" else None
        elif block is not None:
            block.append(line)


def main(page, *programs):
    texts = [stripped(Path(program).read_text().splitlines()) for program in programs]
    found = list(blocks(Path(page)))
    strange = [block for block in found if not any(stripped(block) in text for text in texts)]
    for block in strange:
        print(f"{page}: in none of the programs:", *block, sep="\n", file=sys.stderr)
    return 0 if found and not strange else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
