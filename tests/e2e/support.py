"""What the end-to-end tests share: a fresh folder for each case, and ways to run the program.

Run one file by hand:  EVENT_STORE_PROGRAM=build/dev/src/cli/event-store tests/e2e/import_test.py

With EVENTSTORE_TEST_POSTGRES_STATE set, which support/postgres_server.py writes, the stores lie in
PostgreSQL: each in a schema of its own, which is gone after the case.
"""

import fcntl
import hashlib
import json
import os
import pty
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import termios
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PERMITS = ROOT / "examples" / "permits" / "permits.ndjson.zst"
TRUTH = json.loads((ROOT / "examples" / "permits" / "permits.truth.json").read_text())
PROGRAM = os.environ["EVENT_STORE_PROGRAM"]
SECONDS_MAX = 120

DONE, FAILED, USAGE, CONFLICT = 0, 1, 2, 3


class FileStores:
    """Stores that lie at a path."""

    @staticmethod
    def url(path):
        return f"file:{path}"

    @staticmethod
    def exists(path):
        return (Path(path) / "MANIFEST").exists()

    @staticmethod
    def remove():
        """The case removes its folder."""


class PostgresStores:
    """Stores in schemas that are named after a path."""

    def __init__(self, state_path):
        self.server = json.loads(Path(state_path).read_text(encoding="utf-8"))
        self.schemas = set()

    def url(self, path):
        schema = self.schema(path)
        self.schemas.add(schema)
        return f"{self.server['url']}?schema={schema}"

    @staticmethod
    def schema(path):
        return "e2e_" + hashlib.sha256(os.fspath(path).encode()).hexdigest()[:16]

    def exists(self, path):
        return self.query(f"SELECT to_regclass('{self.schema(path)}.events') IS NOT NULL") == "t"

    def psql(self, *arguments):
        return [Path(self.server["bin"]) / "psql", self.server["url"], "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments]

    def query(self, sql):
        """What psql prints of a statement: rows, with | between their columns."""
        command = self.psql("-c", sql)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\n")

    def session(self):
        """psql, which takes statements from its standard input until that ends; to be used with `with`."""
        return subprocess.Popen(self.psql(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def remove(self):
        for schema in self.schemas:
            self.query(f"SET client_min_messages = warning; DROP SCHEMA IF EXISTS {schema} CASCADE")


def make_stores():
    state_path = os.environ.get("EVENTSTORE_TEST_POSTGRES_STATE")
    return PostgresStores(state_path) if state_path else FileStores()


class EndToEnd(unittest.TestCase):
    """A case has a folder of its own, `self.folder`, and a store that is named after a path in it,
    `self.store`. Whatever store it names so, it is of the kind that the suite runs on."""

    maxDiff = 2000

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="event-store-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.store = self.folder / "store"
        self.stores = make_stores()
        self.addCleanup(self.stores.remove)

    def exists(self, store=None):
        return self.stores.exists(store or self.store)

    def command(self, *arguments, store=None):
        return [PROGRAM, "--store", self.stores.url(store or self.store), *map(str, arguments)]

    def run_program(self, *arguments, store=None, exit_code=DONE, input=None, **options):
        """Runs the program and checks its exit code. Returns the completed process, with bytes."""
        result = subprocess.run(
            self.command(*arguments, store=store),
            input=input.encode() if isinstance(input, str) else input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=False,
            **options,
        )
        said = result.stderr.decode(errors="replace") + result.stdout.decode(errors="replace")[:2000]
        self.assertEqual(result.returncode, exit_code, f"{arguments}: {said}")
        return result

    def start(self, *arguments, **options):
        """Starts the program; it is killed at the end of the case if need be."""
        process = subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )

        def end():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()

        self.addCleanup(end)
        return process

    def text(self, *arguments, **options):
        return self.run_program(*arguments, **options).stdout.decode()

    def object(self, *arguments, **options):
        return json.loads(self.text(*arguments, **options))

    def list(self, *arguments, **options):
        return [json.loads(line) for line in self.text(*arguments, **options).splitlines()]

    def error(self, *arguments, exit_code=FAILED, **options):
        """The sentence on standard error of a command that fails, which is one line."""
        result = self.run_program(*arguments, exit_code=exit_code, **options)
        sentence = result.stderr.decode()
        self.assertTrue(sentence.startswith("event-store: "), sentence)
        self.assertEqual(sentence.count("\n"), 1, sentence)
        return sentence.removeprefix("event-store: ").rstrip("\n")

    def error_object(self, *arguments, exit_code=FAILED, **options):
        result = self.run_program("--output", "json", *arguments, exit_code=exit_code, **options)
        error = json.loads(result.stderr.splitlines()[-1])["error"]  # notices may come before it
        self.assertEqual(set(error), {"code", "message", "details"})
        return error

    def on_terminal(self, *arguments, stderr=False, columns=0):
        """What the program writes to a terminal as its standard output (or error)."""
        outer, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        streams["stderr" if stderr else "stdout"] = inner
        process = subprocess.Popen(self.command(*arguments), **streams, stdin=subprocess.DEVNULL)
        os.close(inner)
        written = b""
        while True:
            try:
                chunk = os.read(outer, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            written += chunk
        os.close(outer)
        process.wait(SECONDS_MAX)
        return written.decode()

    def write(self, name, lines):
        path = self.folder / name
        with open(path, "wb") as file:
            for line in lines:
                file.write(line if isinstance(line, bytes) else json.dumps(line).encode())
                file.write(b"\n")
        return path

    def append(self, stream, type_="Opened", **fields):
        options = [part for name, value in fields.items() for part in (f"--{name}", value)]
        return self.object("event", "append", stream, type_, *options)

    def import_permits(self):
        return self.object("event", "import", PERMITS)

    def change_state(self, sql):
        """What only a program with a consumer or a projection of its own does to the state database."""
        if isinstance(self.stores, PostgresStores):
            self.stores.query(f"SET search_path TO {self.stores.schema(self.store)}; {sql}")
            return
        database = sqlite3.connect(self.store / "state.sqlite")
        with database:
            database.execute(sql)
        database.close()

    def stats(self):
        return self.object("maint", "stats")

    def wait_for_events(self, count):
        """Returns once another process sees so many events."""
        for _ in range(2000):
            result = subprocess.run(self.command("maint", "stats"), capture_output=True, check=False)
            if result.returncode == DONE and json.loads(result.stdout)["events"] >= count:
                return
        self.fail("the events never came")


class Terminal:
    """A program that writes its standard output (or error) to a terminal, while it runs."""

    def __init__(self, command, stderr=False, columns=0):
        self.outer, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        streams["stderr" if stderr else "stdout"] = inner
        self.process = subprocess.Popen(command, **streams, stdin=subprocess.DEVNULL)
        os.close(inner)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.outer)

    def read_until(self, text):
        """What comes, up to `text` and perhaps somewhat more."""
        written = ""
        while text not in written:
            written += os.read(self.outer, 4096).decode()  # fails when the program has ended
        return written


def permits_lines():
    """The lines of the permits file, as bytes without line breaks."""
    data = subprocess.run(["zstd", "-dcq", PERMITS], stdout=subprocess.PIPE, check=True).stdout
    return data.splitlines()


def main():
    unittest.main(verbosity=2)
