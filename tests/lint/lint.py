#!/usr/bin/env python3
"""Checks what compilers and clang-tidy cannot: the shape of the tree.

usage: lint.py [--self-test] ROOT

- A module includes only what it may (MAY_INCLUDE below).
- The operating system, the clock and randomness are reached through src/core/posix_* only (but
  for MAY_CALL_SYSTEM below).
- A file has at most 500 lines; from 400 on it is named.
- A TODO carries an issue number: TODO(#12).
- Every .cpp is named by a CMakeLists.txt of its folder or of one above it.
"""

import re
import sys
import tempfile
from pathlib import Path

SOURCE_FOLDERS = ("include", "src", "tests", "fuzz", "bench", "tools", "examples")
SOURCE_SUFFIXES = {".cpp", ".hpp"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {".py", ".sh", ".txt", ".cmake", ".md", ""}

LINES_MAX = 500
LINES_WARN = 400

# Folder of src/ -> the folders its files may include. Their tests may include tests/support/ too.
MAY_INCLUDE = {
    "core": {"eventstore", "core"},
    "log": {"eventstore", "core", "log"},
    "postgres": {"eventstore", "core", "postgres"},
    "state": {"eventstore", "core", "log", "state"},
    # Features see the public API, never an engine.
    "subscription": {"eventstore", "core", "subscription"},
    "projection": {"eventstore", "core", "subscription", "projection"},
    "cli": {"eventstore", "cli"},
}

# What only the posix seam may do. Tests of it may too.
SYSTEM_CALL = re.compile(
    r"::(?:open|openat|creat|pread|preadv|pwrite|pwritev|mmap|munmap|msync|fsync"
    r"|ftruncate|fallocate|flock|rename|renameat|unlink|mkdir|opendir|syscall)\s*\("
    # Names that no function of ours has are the system's without the colons too.
    r"|(?<![\w:.>])(?:fdatasync|sync_file_range|posix_fallocate|pread|preadv|pwrite|pwritev|mmap"
    r"|munmap|msync|fsync|ftruncate|fallocate|flock|syscall|memfd_create|getrandom)\s*\("
    r"|\bstd::this_thread::sleep_(?:for|until)\b"
    r"|\bstd::chrono::system_clock::now\b"
    r"|\bstd::random_device\b"
)
# A seam of its own, over memory; and the program's own file and streams, which no engine sees.
MAY_CALL_SYSTEM = {
    "src/core/memory_file_system.cpp",
    "src/cli/export_file.cpp",
    "src/cli/main.cpp",
}
# A deadline is a moment of this clock: programs, tests and what waits for a server may set one. The
# embedded engine asks its Clock.
STEADY_CLOCK = re.compile(r"\bstd::chrono::steady_clock::now\b")
# `foo::open(` is a function of ours; `::open(` at the start of a name is the system's.
QUALIFIED = re.compile(r"[\w>]$")

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"/]+)/[^"]*"')
QUOTED = re.compile(r'^\s*#\s*include\s*"([^"]*)"')
TODO = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))")
COMMENT = re.compile(r"//.*")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')


def source_files(root):
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file():
                yield path


def text_files(root):
    folders = (*SOURCE_FOLDERS, "cmake", "scripts", ".ci")
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in TEXT_SUFFIXES and path.is_file() and "corpus" not in path.parts:
                yield path


def module_of(root, path):
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def is_test(path):
    return path.stem.endswith(("_test", "_test_support"))


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def check_includes(root, path, lines):
    module = module_of(root, path)
    allowed = MAY_INCLUDE.get(module)
    in_public = path.relative_to(root).parts[0] == "include"
    if in_public:
        allowed = {"eventstore"}
    elif module and allowed is None:
        yield path, 1, f"src/{module} is no module that lint.py knows: add it to MAY_INCLUDE"
        return
    if allowed is None:
        return
    if is_test(path):
        allowed = allowed | {"support"}
    for number, line in enumerate(lines, 1):
        if not QUOTED.match(line):
            continue
        match = INCLUDE.match(line)
        if not match:
            yield path, number, "include by the path from src/ or include/: \"core/codec.hpp\""
        elif match[1] not in allowed:
            owner = "a public header" if in_public else f"src/{module}"
            yield path, number, f"{owner} must not include {match[1]}/"


def check_system_calls(root, path, lines):
    module = module_of(root, path)
    if module is None or (module == "core" and path.name.startswith("posix_")):
        return
    if path.relative_to(root).as_posix() in MAY_CALL_SYSTEM:
        return
    if module == "cli" and is_test(path):
        return  # they set up what a program meets: pipes, terminals, full disks
    sets_deadlines = module in ("cli", "postgres", "projection") or is_test(path)
    for number, line in enumerate(lines, 1):
        code = STRING.sub('""', COMMENT.sub("", line))
        if not sets_deadlines and STEADY_CLOCK.search(code):
            yield path, number, "the steady clock belongs behind the seam, in src/core/posix_*"
        for match in SYSTEM_CALL.finditer(code):
            if match[0].startswith("::") and QUALIFIED.search(code[: match.start()]):
                continue
            yield path, number, f"{match[0].strip('( ')} belongs behind the seam, in src/core/posix_*"


def check_length(path, lines):
    if len(lines) > LINES_MAX:
        yield path, len(lines), f"{len(lines)} lines, at most {LINES_MAX}"


def check_todos(path, lines):
    for number, line in enumerate(lines, 1):
        if TODO.search(line):
            yield path, number, "a TODO carries an issue number: TODO(#12)"


def check_dead(root, path):
    if path.suffix != ".cpp":
        return
    folder = path.parent
    while True:
        listing = folder / "CMakeLists.txt"
        name = path.relative_to(folder).as_posix()
        named = re.compile(r"(?<![\w/.-])" + re.escape(name) + r"(?![\w.-])")
        if listing.is_file() and named.search(listing.read_text(encoding="utf-8")):
            return
        if folder == root:
            break
        folder = folder.parent
    yield path, 1, "no CMakeLists.txt of its folder or above names it"


def is_exempt_from_dead(root, path):
    # cmake/ names it, for every fuzz target.
    return path.relative_to(root).as_posix() == "fuzz/replay_main.cpp"


def findings(root):
    for path in source_files(root):
        lines = lines_of(path)
        yield from check_includes(root, path, lines)
        yield from check_system_calls(root, path, lines)
        yield from check_length(path, lines)
        if not is_exempt_from_dead(root, path):
            yield from check_dead(root, path)
    for path in text_files(root):
        if path.name != "lint.py":
            yield from check_todos(path, lines_of(path))


def run(root):
    count = 0
    for path, line, message in findings(root):
        print(f"{path.relative_to(root)}:{line}: {message}")
        count += 1
    for path in source_files(root):
        lines = len(lines_of(path))
        if LINES_WARN < lines <= LINES_MAX:
            print(f"{path.relative_to(root)}: {lines} lines: is it two ideas? (a warning)")
    checked = sum(1 for _ in source_files(root))
    print(f"{checked} sources, {count} findings")
    if checked == 0:
        print("nothing to check: is this the root of the project?")
        return 1
    return 1 if count else 0


# Each rule, with a file that breaks it, the text that breaks it, and words of the finding.
BROKEN = [
    ("src/core/a.cpp", '#include "log/format.hpp"\n', "must not include log/"),
    ("src/log/a.cpp", '#include "cli/main.hpp"\n', "must not include cli/"),
    ("src/cli/a.cpp", '#include "core/codec.hpp"\n', "must not include core/"),
    ("src/cli/a.cpp", '#include "codec.hpp"\n', "include by the path"),
    ("src/log/a.cpp", '#include "support/folder.hpp"\n', "must not include support/"),
    ("include/eventstore/a.hpp", '#include "core/codec.hpp"\n', "must not include core/"),
    ("src/new/a.cpp", "", "no module that lint.py knows"),
    ("src/log/a.cpp", "int f = ::open(path, 0);\n", "behind the seam"),
    ("src/log/a.cpp", "if (::pwrite (f, p, n, 0)) {}\n", "behind the seam"),
    ("src/log/a.cpp", "auto m = ::mmap(nullptr, n);\n", "behind the seam"),
    ("src/log/a.cpp", "fdatasync(f);\n", "behind the seam"),
    ("src/core/a.cpp", "void* at = mmap(nullptr, n);\n", "behind the seam"),
    ("src/core/a.cpp", "if (ftruncate(f, n) != 0) {}\n", "behind the seam"),
    ("src/cli/a.cpp", "std::this_thread::sleep_for(1s);\n", "behind the seam"),
    ("src/log/a.cpp", "std::chrono::system_clock::now();\n", "behind the seam"),
    ("src/log/a.cpp", "std::chrono::steady_clock::now();\n", "behind the seam"),
    ("src/core/a.cpp", "std::random_device r;\n", "behind the seam"),
    ("src/core/a.cpp", "int x;\n" * 501, "501 lines"),
    ("src/core/a.cpp", "// TO" + "DO: later\n", "issue number"),
    ("scripts/a", "# FIX" + "ME later\n", "issue number"),
    ("src/core/dead.cpp", "", "names it"),
]
SOUND = [
    ("src/log/a.cpp", '#include "log/format.hpp"\n#include "core/codec.hpp"\n'),
    ("src/log/a.cpp", 'auto e = SegmentReader::open(fs, "x");  // not ::open("x")\n'),
    ("src/log/a.cpp", 'message = "::open() failed";\n'),
    ("src/cli/a.cpp", "std::chrono::steady_clock::now();\n"),
    ("src/cli/a_test.cpp", '#include "support/folder.hpp"\nint f = ::open(path, 0);\n'),
    ("src/core/posix_a.cpp", "int f = ::open(path, 0);\n"),
    ("src/core/memory_file_system.cpp", "void* at = mmap(nullptr, n);\n"),
    ("src/log/a.cpp", "file.pread(n); BareLog::fsync(); my_mmap(n);\n"),
    ("src/log/a_test_support.hpp", '#include "support/folder.hpp"\n'),
    ("tests/contract/a.cpp", '#include "core/codec.hpp"\n'),
    ("src/core/a.cpp", "// TO" + "DO(#12): later\n"),
    ("src/core/a.cpp", "int x;\n" * 500),
]


def messages_for(name, text):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        path = root / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        (path.parent / "CMakeLists.txt").write_text(
            "add_library(x a.cpp a_test.cpp posix_a.cpp memory_file_system.cpp)\n")
        return [message for _, _, message in findings(root)]


def self_test():
    failures = 0
    for name, text, words in BROKEN:
        messages = messages_for(name, text)
        if len(messages) != 1 or words not in messages[0]:
            print(f"{name}: {text[:60]!r} gave {messages}, expected one with {words!r}")
            failures += 1
    for name, text in SOUND:
        messages = messages_for(name, text)
        if messages:
            print(f"{name}: {text[:60]!r} gave {messages}, expected none")
            failures += 1
    print(f"{len(BROKEN) + len(SOUND)} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(run(Path(sys.argv[1]).resolve()))
