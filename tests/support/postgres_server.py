#!/usr/bin/env python3
"""A PostgreSQL server of one's own for a test run, in a new folder and on a free port.

`start` returns once the server answers, and has written where it is, as JSON, to the state file:
its url, the folder of its Unix socket, its port, the process id of the postmaster, its folder, its
log and the folder of PostgreSQL's programs. `stop` ends that server and removes its folder.

Nothing is left of a run that breaks off: a guard, in a session of its own, stops the server and
removes its folder and its state file when the process --until-pid is gone (by default the one that
called: ctest, where this is a test of a fixture). The guard is the server's parent, and goes with
it. Of a server that crashes, the log is kept beside the state file, and `stop` fails.

As root the server runs as the system's user postgres, because PostgreSQL refuses to run as root.
"""

import argparse
import contextlib
import json
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VERSION_MIN = 14
USER = "eventstore"  # the server's superuser, who needs no password
SYSTEM_USER = "postgres"  # whom root becomes
FOLDER_PREFIX = "eventstore-postgres-"
SOCKET_PATH_BYTES_MAX = 100  # the kernel has room for 107
INITDB_SECONDS_MAX = 60
START_SECONDS_MAX = 30
PORTS_TRIED_MAX = 10
# How a server is asked to stop, and how long it may take: fast, at once, and not asked at all.
STOP_SIGNALS = ((signal.SIGINT, 30), (signal.SIGQUIT, 15), (signal.SIGKILL, 10))
REMOVE_SECONDS_MAX = 10
POLL_SECONDS = 0.02
LOG_CHARACTERS_SHOWN = 4000

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "autovacuum": "on",
    "log_destination": "stderr",
}


class ServerError(Exception):
    """What `start` or `stop` could not do, as a sentence."""


# -- The programs ------------------------------------------------------------------------------


def version_of(folder):
    """The major version of the server whose programs lie in `folder`; 0 if there is none."""
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return 0
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\) (\d+)", said.stdout)
    return int(match[1]) if match else 0


def find_programs():
    """The folder of the newest server's programs: Debian's, or what pg_config says, or on PATH."""
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    candidates = sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        said = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        candidates.append(Path(said.stdout.strip()))
    if found := shutil.which("postgres"):
        candidates.append(Path(found).resolve().parent)
    for folder in candidates:
        if version_of(folder) >= VERSION_MIN:
            return folder
    looked = ", ".join(map(str, candidates)) or "/usr/lib/postgresql/*/bin, pg_config and PATH"
    raise ServerError(
        f"found no PostgreSQL server of version {VERSION_MIN} or newer in {looked}; Debian's package is postgresql"
    )


# -- The state file ----------------------------------------------------------------------------


def data_folder(folder):
    return Path(folder) / "data"


def load(path):
    """What the state file says; None if there is none."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        # Its folder gets removed: it has to be one that was made here.
        if Path(state["folder"]).name.startswith(FOLDER_PREFIX) and int(state["pid"]) > 1:
            return state
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        pass
    raise ServerError(f"{path} is no state file of a server; remove it")


def save(path, state):
    """Writes the state file whole: whoever sees it sees all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def kept_log(path):
    """Where the log of a server that crashed is kept."""
    return path.with_name(f"{path.name}.log")


def open_server(state):
    """A descriptor of the server's process; None if it is gone. The process id alone proves
    nothing, as another process may have it by now: the data folder and the process have to agree.
    """
    data = data_folder(state["folder"])
    try:
        descriptor = os.pidfd_open(state["pid"])
    except ProcessLookupError:
        return None
    try:
        noted = (data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        command = Path(f"/proc/{state['pid']}/cmdline").read_bytes().split(b"\0")
        if noted == str(state["pid"]) and os.fsencode(data) in command:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


# -- Waiting, and the end ----------------------------------------------------------------------


def has_ended(process, seconds):
    """Whether the process of that descriptor ends within the time."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def shut_down(process):
    for number, seconds in STOP_SIGNALS:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)
        if has_ended(process, seconds):
            return
    raise ServerError("the server does not end, whatever signal it is sent")


def remove(folder):
    """Removes it. The guard and `stop` may both be at it; and where the postmaster was killed, its
    children write on until they notice."""
    deadline = time.monotonic() + REMOVE_SECONDS_MAX
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        if time.monotonic() > deadline:
            raise ServerError(f"{folder} cannot be removed")
        time.sleep(POLL_SECONDS)


# -- The guard: makes the server, and outlives `start` -----------------------------------------


def server_user():
    """How to run a process as the server's user: arguments for subprocess."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise ServerError(f"PostgreSQL refuses to run as root, and there is no user {SYSTEM_USER}") from None
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}


def make_folder(user):
    """A new folder, the server user's own, where the path of a socket is short enough."""
    longest = f"/{FOLDER_PREFIX}12345678/socket/.s.PGSQL.65535"
    base = tempfile.gettempdir()
    if len(os.fsencode(base + longest)) >= SOCKET_PATH_BYTES_MAX:
        base = "/tmp"
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base))
    (folder / "socket").mkdir()
    if user:
        for path in (folder / "socket", folder):
            os.chown(path, user["user"], user["group"])
    return folder


def free_port():
    """A port that nobody listens on now. Another process may be quicker to take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server in a folder of its own, as a child of this process."""

    def __init__(self, programs, options):
        self.programs = programs
        self.options = OPTIONS | options
        self.user = server_user()
        self.folder = make_folder(self.user)
        self.data = data_folder(self.folder)
        self.log = self.folder / "server.log"
        self.socket = self.folder / "socket"
        self.process = None
        self.descriptor = None
        self.port = 0
        # Where the tests connect is no business of the server's.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}

    def make_data(self):
        command = [self.programs / "initdb", "-D", self.data, "-U", USER]
        command += ["--encoding=UTF8", "--no-locale", "--auth=trust", "--no-sync"]
        made = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=INITDB_SECONDS_MAX,
            check=False,
            **self.user,
        )
        if made.returncode != 0:
            raise ServerError(f"initdb failed:\n{made.stdout}")

        # In the file, not on the command line: there ALTER SYSTEM could not override them.
        options = self.options | {"unix_socket_directories": str(self.socket)}
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            for name, value in options.items():
                quoted = value.replace("\\", "\\\\").replace("'", "''")
                file.write(f"{name} = '{quoted}'\n")

    def run(self):
        """Starts the server; returns once it accepts connections."""
        for _ in range(PORTS_TRIED_MAX):
            self.port = free_port()
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    [self.programs / "postgres", "-D", self.data, "-p", str(self.port)],
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    **self.user,
                )
            self.descriptor = os.pidfd_open(self.process.pid)
            if self.becomes_ready():
                return
            self.process.wait()
            os.close(self.descriptor)
            self.descriptor = None
            if "Address already in use" not in self.said():
                break
        raise ServerError(f"the server ended at once:\n{self.said()}")

    def becomes_ready(self):
        """Waits until the server's own file says so. False if it ended instead."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
                if len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                    return True
            if has_ended(self.descriptor, POLL_SECONDS):
                return False
        raise ServerError(f"the server was not ready within {START_SECONDS_MAX} s:\n{self.said()}")

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_CHARACTERS_SHOWN:]

    def state(self):
        return {
            "url": f"postgresql://{USER}@127.0.0.1:{self.port}/postgres",
            "socket": str(self.socket),
            "port": self.port,
            "pid": self.process.pid,
            "folder": str(self.folder),
            "log": str(self.log),
            "bin": str(self.programs),
        }

    def end(self):
        if self.descriptor is not None:
            shut_down(self.descriptor)
            self.process.wait()
        remove(self.folder)


def forget(state_path, server):
    """Removes the state file, unless it is another server's by now."""
    with contextlib.suppress(OSError, ServerError):
        state = load(state_path)
        if state and state["folder"] == str(server.folder):
            state_path.unlink()


def guard_server(server, state_path, until):
    """Waits for the end of that process or of the server, and leaves nothing of the server."""
    poll = select.poll()
    for process in (until, server.descriptor):
        poll.register(process, select.POLLIN)
    ended = [process for process, _ in poll.poll()]
    if until in ended:
        forget(state_path, server)
    elif server.process.wait() != 0:
        with contextlib.suppress(OSError):
            shutil.copyfile(server.log, kept_log(state_path))
    server.end()


def guard(state_path, until_pid, until, report, options):
    """Makes the server, tells `start` through the pipe `report`, and guards the server."""
    server = None
    try:
        server = Server(find_programs(), options)
        server.make_data()
        server.run()
        save(state_path, server.state() | {"until_pid": until_pid})
        os.write(report, f"started {server.state()['url']} in {server.folder}".encode())
    except Exception as error:  # whatever it is, `start` has to hear of it
        try:
            if server:
                forget(state_path, server)
                server.end()
        finally:
            os.write(report, str(error).encode())
        return 1
    os.close(report)
    guard_server(server, state_path, until)
    return 0


# -- The commands ------------------------------------------------------------------------------


def start(state_path, until_pid, reuse, options):
    left = load(state_path)
    if left and open_server(left) is not None:
        if reuse and left.get("until_pid") == until_pid:
            print(f"runs already, for the same process: {left['url']}")
            return
        raise ServerError(f"{state_path} is of a server that runs: process {left['pid']}. Stop it first")
    if left:
        remove(left["folder"])
        state_path.unlink(missing_ok=True)
    kept_log(state_path).unlink(missing_ok=True)

    try:
        until = os.pidfd_open(until_pid)
    except ProcessLookupError:
        raise ServerError(f"there is no process {until_pid} to run the server for") from None
    reading, writing = os.pipe()
    command = [sys.executable, Path(__file__).resolve(), "guard", "--state", state_path]
    command += ["--until-pid", str(until_pid), "--until-descriptor", str(until), "--report-descriptor", str(writing)]
    for name, value in options.items():
        command += ["--option", f"{name}={value}"]
    nothing = subprocess.DEVNULL
    subprocess.Popen(
        command,
        cwd="/",
        start_new_session=True,
        pass_fds=(until, writing),
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
    )
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        report = pipe.read()
    if not report.startswith("started "):
        raise ServerError(report or "the process that makes the server was killed")
    print(report)


def stop(state_path):
    state = load(state_path)
    if state is None:
        print(f"there is no {state_path}: nothing to stop")
        return
    process = open_server(state)
    if process is not None:
        shut_down(process)
    remove(state["folder"])
    state_path.unlink(missing_ok=True)
    if process is None:
        raise ServerError(
            f"process {state['pid']} was gone before it was stopped; its log, if it crashed: {kept_log(state_path)}"
        )


def option(text):
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][\w.]*", name) or "\n" in value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="{start,stop}")
    starting = commands.add_parser("start", help="makes a new server, and writes where it is to the state file")
    starting.add_argument(
        "--reuse",
        action="store_true",
        help="be content with a server that runs already for the same state file and process: ctest --repeat starts again",
    )
    stopping = commands.add_parser("stop", help="ends that server, and removes its folder and the state file")
    guarding = commands.add_parser("guard")  # how `start` calls this again
    guarding.add_argument("--until-descriptor", type=int, required=True)
    guarding.add_argument("--report-descriptor", type=int, required=True)
    for command in (starting, stopping, guarding):
        command.add_argument("--state", type=lambda text: Path(text).absolute(), required=True, metavar="FILE")
    for command in (starting, guarding):
        command.add_argument("--until-pid", type=int, default=os.getppid(), metavar="PID")
        command.add_argument("--option", type=option, action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    try:
        if arguments.command == "start":
            start(arguments.state, arguments.until_pid, arguments.reuse, dict(arguments.option))
        elif arguments.command == "stop":
            stop(arguments.state)
        else:
            return guard(
                arguments.state,
                arguments.until_pid,
                arguments.until_descriptor,
                arguments.report_descriptor,
                dict(arguments.option),
            )
    except (ServerError, OSError) as error:
        print(f"postgres_server.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
