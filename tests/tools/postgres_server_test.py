#!/usr/bin/env python3
"""tests/support/postgres_server.py starts servers that work, and leaves nothing of them.

usage: postgres_server_test.py ROOT
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1])
SCRIPT = ROOT / "tests" / "support" / "postgres_server.py"
SECONDS_MAX = 60


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)


def run_script(*words, **options):
    return run(sys.executable, SCRIPT, *words, **options)


def is_running(pid):
    return Path(f"/proc/{pid}").exists()


def processes_of(path):
    """The processes that have the path among their arguments: for a state file, its guard."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if os.fsencode(path) in command.read_bytes().split(b"\0"):
                found.append(command.parent.name)
    return found


class PostgresServer(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postgres-server-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def start(self, name="server.json", *options):
        path = self.folder / name
        self.addCleanup(self.stop, path)
        started = run_script("start", "--state", path, *options)
        self.assertEqual((started.returncode, started.stderr), (0, ""))
        return path, json.loads(path.read_text())

    def stop(self, path):
        return run_script("stop", "--state", path)

    def ask(self, state, sql, url=None):
        answer = run(Path(state["bin"]) / "psql", "-XAt", "-c", sql, url or state["url"])
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        return answer.stdout.strip()

    def wait_until(self, condition, what):
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"never: {what}")
            time.sleep(0.02)

    def expect_nothing_left(self, path, state):
        self.wait_until(lambda: not is_running(state["pid"]), "the server is gone")
        self.wait_until(lambda: not os.path.exists(state["folder"]), "the folder is gone")
        self.wait_until(lambda: not processes_of(path), "the guard is gone")
        self.assertFalse(path.exists())

    def test_starts_a_server_and_stops_it(self):
        path, state = self.start()
        self.assertEqual(self.ask(state, "select 1"), "1")
        self.assertTrue(is_running(state["pid"]))
        self.assertGreater(Path(state["log"]).stat().st_size, 0)
        stopped = self.stop(path)
        self.assertEqual((stopped.returncode, stopped.stderr), (0, ""))
        self.assertFalse(os.path.exists(state["folder"]))
        self.expect_nothing_left(path, state)

    def test_serves_its_unix_socket(self):
        _, state = self.start()
        url = f"postgresql:///postgres?host={state['socket']}&port={state['port']}&user=eventstore"
        self.assertEqual(self.ask(state, "select inet_server_addr() is null", url), "t")
        longest = Path(state["socket"]) / ".s.PGSQL.65535"
        self.assertLess(len(os.fsencode(longest)), 100)

    def test_passes_options_on(self):
        _, state = self.start("server.json", "--option", "work_mem=7MB", "--option", "cluster_name=it's \\1")
        self.assertEqual(self.ask(state, "show work_mem"), "7MB")
        self.assertEqual(self.ask(state, "show cluster_name"), "it's \\1")
        self.assertEqual(self.ask(state, "show fsync"), "on")
        self.assertEqual(self.ask(state, "show server_encoding"), "UTF8")
        self.ask(state, "alter system set work_mem = '9MB'")
        self.ask(state, "select pg_reload_conf()")
        self.wait_until(lambda: self.ask(state, "show work_mem") == "9MB", "ALTER SYSTEM has its way")

    def test_reports_an_option_that_the_server_refuses(self):
        path = self.folder / "server.json"
        temporary = self.folder / "temporary"
        temporary.mkdir()
        self.folder.chmod(0o755)  # for the server's user
        environment = os.environ | {"TMPDIR": str(temporary)}
        started = run_script("start", "--state", path, "--option", "work_mem=much", env=environment)
        self.assertEqual(started.returncode, 1)
        self.assertIn("work_mem", started.stderr)
        self.assertFalse(path.exists())
        self.wait_until(lambda: not processes_of(path), "the guard is gone")
        self.assertEqual(list(temporary.iterdir()), [])

    def test_ends_with_the_process_it_is_for(self):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            path, state = self.start("server.json", "--until-pid", str(child.pid))
            self.assertEqual(self.ask(state, "select 1"), "1")
            child.stdin.close()
            child.wait()
            self.expect_nothing_left(path, state)

    def test_ends_with_a_process_that_is_killed_while_a_client_is_at_work(self):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            path, state = self.start("server.json", "--until-pid", str(child.pid))
            psql = [Path(state["bin"]) / "psql", "-XAt", "-c", "select pg_sleep(600)", state["url"]]
            with subprocess.Popen(psql, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
                working = "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)'"
                self.wait_until(lambda: self.ask(state, working) == "1", "the client is at work")
                child.kill()
                self.expect_nothing_left(path, state)
                self.assertNotEqual(client.wait(SECONDS_MAX), 0)

    def test_two_run_at_once(self):
        one_path, one = self.start("one.json")
        two_path, two = self.start("two.json")
        self.assertNotEqual(one["port"], two["port"])
        self.ask(one, "create table only_here ()")
        self.assertEqual(self.ask(two, "select to_regclass('only_here') is null"), "t")
        self.assertEqual(self.stop(one_path).returncode, 0)
        self.assertEqual(self.ask(two, "select 1"), "1")
        self.assertEqual(self.stop(two_path).returncode, 0)

    def test_a_server_that_runs_keeps_its_state_file(self):
        path, state = self.start()
        again = run_script("start", "--state", path)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"process {state['pid']}", again.stderr)
        self.assertEqual(json.loads(path.read_text()), state)
        self.assertEqual(self.ask(state, "select 1"), "1")

    def test_is_content_with_a_server_for_the_same_process_where_it_may(self):
        path, state = self.start()
        self.assertEqual(self.start("server.json", "--reuse"), (path, state))
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as other:
            words = ("start", "--state", path, "--reuse", "--until-pid", other.pid)
            self.assertEqual(run_script(*words).returncode, 1)
            other.stdin.close()

    def test_of_a_server_that_crashed_the_log_stays_and_the_state_file_is_replaced(self):
        path, state = self.start()
        os.kill(state["pid"], signal.SIGKILL)
        self.wait_until(lambda: not os.path.exists(state["folder"]), "the folder is gone")
        self.wait_until(lambda: not processes_of(path), "the guard is gone")
        self.assertIn("ready to accept connections", Path(f"{path}.log").read_text())
        self.assertTrue(path.exists())

        _, replaced = self.start()
        self.assertNotEqual(replaced["folder"], state["folder"])
        self.assertFalse(Path(f"{path}.log").exists())

        os.kill(replaced["pid"], signal.SIGKILL)
        self.wait_until(lambda: not is_running(replaced["pid"]), "the server is gone")
        stopped = self.stop(path)
        self.assertEqual(stopped.returncode, 1)
        self.assertIn("was gone before it was stopped", stopped.stderr)
        self.expect_nothing_left(path, replaced)

    def test_signals_no_process_that_is_not_the_server(self):
        path, state = self.start()
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as other:
            changed = self.folder / "changed.json"
            folder = self.folder / "eventstore-postgres-other"
            (folder / "data").mkdir(parents=True)
            (folder / "data" / "postmaster.pid").write_text(f"{other.pid}\n")
            changed.write_text(json.dumps(state | {"pid": other.pid, "folder": str(folder)}))
            self.assertEqual(self.stop(changed).returncode, 1)
            self.assertIsNone(other.poll())
            other.stdin.close()
        self.assertEqual(self.ask(state, "select 1"), "1")

    def test_stops_nothing_where_there_is_nothing(self):
        self.assertEqual(self.stop(self.folder / "none.json").returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
