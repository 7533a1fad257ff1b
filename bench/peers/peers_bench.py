#!/usr/bin/env python3
"""Measures this event store beside Emmett and Message DB, on one PostgreSQL server started for it.

The others are npm packages, installed into the build folder as package-lock.json says. Needs node and npm
(without --candidate event-store alone), PostgreSQL's programs, and the targets event_store_peer and
generate_events, built. `run` beside this builds first. ../README.md has more.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import peers_page

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SERVER_SCRIPT = SOURCE / "tests" / "support" / "postgres_server.py"

CANDIDATES = ("event-store", "emmett", "message-db", "message-db-categories")
CONCURRENCY = {"append": (1, 32, 128), "read": (1, 32)}
READING = ("event-store", "emmett")
NPM_FILES = ("package.json", "package-lock.json", ".npmrc", "emmett.mjs")
GENERATED_EVENTS = 1000
STREAMS = 200
SECONDS_LEFT_OVER = 120  # beyond what a measurement is asked to take, before it counts as hanging

# As a client would call it: all that is the client's to say is a parameter. {} is the category.
WRITE_MESSAGE = r"""\set number random(1, 1000000000000000)
SELECT write_message(gen_random_uuid()::varchar, ({} || '-' || :number)::varchar, :type::varchar,
                     :data::jsonb, :metadata::jsonb, -1::bigint);
"""


def source_version():
    """The commit, where there is a git to tell it."""
    if shutil.which("git") is None:
        return "unknown"
    return run(["git", "-C", SOURCE, "describe", "--always", "--dirty"]).strip()


def run(command, **options):
    """Runs it to its end and returns what it printed; says what it said where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Server:
    """The server of the run, and the environment of its clients."""

    def __init__(self, folder):
        self.state_file = folder / "server.json"
        run([sys.executable, SERVER_SCRIPT, "start", "--state", self.state_file, "--until-pid", os.getpid()])
        state = json.loads(self.state_file.read_text(encoding="utf-8"))
        self.bin = Path(state["bin"])
        self.address = state["url"].rpartition("/")[0]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        user, _, host = self.address.removeprefix("postgresql://").partition("@")
        self.environment = clean | {
            "PGHOST": host.partition(":")[0],
            "PGPORT": str(state["port"]),
            "PGUSER": user,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
        }

    def stop(self):
        run([sys.executable, SERVER_SCRIPT, "stop", "--state", self.state_file])

    def url(self, database):
        return f"{self.address}/{database}"

    def run(self, program, *arguments, seconds=SECONDS_LEFT_OVER, **environment):
        """One of PostgreSQL's own programs, or any that connects as they do."""
        return run([program, *arguments], env=self.environment | environment, timeout=seconds)

    def sql(self, database, statement):
        self.run(self.bin / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)


# -- The candidates: prepare() once, then measure() at every setting in every round -----------------


class EventStore:
    def __init__(self, bench):
        self.bench = bench
        self.program = bench.build / "bench" / "peers" / "event-store-peer"
        self.url = bench.server.url("peers_event_store")
        self.version = source_version()

    def call(self, workload, *arguments):
        seconds = self.bench.seconds + SECONDS_LEFT_OVER
        command = [self.program, "--url", self.url, "--workload", workload, "--streams", STREAMS, *arguments]
        return run(command, timeout=seconds)

    def prepare(self):
        self.bench.server.sql("postgres", "CREATE DATABASE peers_event_store")
        self.call("prepare")

    def measure(self, workload, concurrency, number):
        said = self.call(workload, "--threads", concurrency, "--seconds", self.bench.seconds, "--run", number)
        return float(said)


class Emmett:
    def __init__(self, bench):
        self.bench = bench
        self.url = bench.server.url("peers_emmett")
        self.version = bench.npm_version("@event-driven-io/emmett-postgresql")

    def call(self, workload, *arguments):
        command = ["node", self.bench.npm / "emmett.mjs", workload, self.url, self.bench.events, *arguments]
        return run(command, timeout=self.bench.seconds + SECONDS_LEFT_OVER)

    def prepare(self):
        self.bench.server.sql("postgres", "CREATE DATABASE peers_emmett")
        self.call("prepare", STREAMS)

    def measure(self, workload, concurrency, number):
        last = STREAMS if workload == "read" else number
        return float(self.call(workload, concurrency, self.bench.seconds, last))


class MessageDb:
    """`write_message` by pgbench. With `category` as an SQL expression of the client."""

    def __init__(self, bench, name, category):
        self.bench = bench
        self.database = f"peers_{name.replace('-', '_')}"
        self.script = bench.folder / f"{name}.sql"
        self.script.write_text(WRITE_MESSAGE.format(category), encoding="utf-8")
        self.version = bench.npm_version("@eventide/message-db")

    def prepare(self):
        installer = self.bench.npm / "node_modules" / "@eventide" / "message-db" / "database" / "install.sh"
        self.bench.server.run("bash", installer, DATABASE_NAME=self.database)
        self.bench.server.sql(
            "postgres", f"ALTER DATABASE {self.database} SET search_path = message_store, public"
        )

    def measure(self, _workload, concurrency, number):
        event = self.bench.event(number)
        values = {"type": event["type"], "data": json.dumps(event["data"]), "metadata": json.dumps(event["metadata"])}
        said = self.bench.server.run(
            self.bench.server.bin / "pgbench",
            *("-n", "-M", "prepared", "-f", self.script, "-c", concurrency, "-j", min(concurrency, 2)),
            *("-T", self.bench.seconds, *(f"--define={name}={value}" for name, value in values.items())),
            self.database,
            seconds=self.bench.seconds + SECONDS_LEFT_OVER,
        )
        rate = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
        if not rate:
            sys.exit(f"pgbench said:\n{said}")
        return float(rate[1])


class Bench:
    """What the candidates share."""

    def __init__(self, arguments):
        self.build = arguments.build.resolve()
        self.seconds = arguments.seconds
        self.folder = self.build / "bench" / "peers"
        self.npm = self.folder / "npm"
        self.events = self.folder / "events.ndjson"
        self.server = None

    def generate(self):
        said = run([self.build / "bench" / "generate_events", GENERATED_EVENTS, "--no-ids"])
        self.events.write_text(said, encoding="utf-8")

    def event(self, number):
        lines = self.events.read_text(encoding="utf-8").splitlines()
        return json.loads(lines[number % len(lines)])

    def install_packages(self):
        """What package-lock.json says, unless it is there already."""
        for program in ("node", "npm"):
            if not shutil.which(program):
                sys.exit(f"{program} is not here. Debian's packages: nodejs npm")
        self.npm.mkdir(parents=True, exist_ok=True)
        installed = self.npm / "installed.json"  # the lock file of what is there, once it is
        if not installed.exists() or installed.read_bytes() != (HERE / "package-lock.json").read_bytes():
            installed.unlink(missing_ok=True)
            for name in NPM_FILES:
                shutil.copyfile(HERE / name, self.npm / name)
            run(["npm", "ci"], cwd=self.npm)
            shutil.copyfile(HERE / "package-lock.json", installed)
        shutil.copyfile(HERE / "emmett.mjs", self.npm / "emmett.mjs")

    def npm_version(self, package):
        path = self.npm / "node_modules" / package / "package.json"
        return json.loads(path.read_text(encoding="utf-8"))["version"]

    def candidate(self, name):
        if name == "event-store":
            return EventStore(self)
        if name == "emmett":
            return Emmett(self)
        one_category = name == "message-db"
        return MessageDb(self, name, "'order'" if one_category else "'order' || :client_id")


# -- The run ----------------------------------------------------------------------------------------


def turns(names, round_number):
    """Each round begins with the next one, and every other round goes through them backwards."""
    order = list(names) if round_number % 2 == 0 else list(reversed(names))
    first = round_number % len(order)
    return order[first:] + order[:first]


def measure_all(candidates, arguments):
    """Rates by workload, concurrency and candidate, one a round."""
    results = {
        (workload, concurrency, name): []
        for workload, concurrencies in CONCURRENCY.items()
        for concurrency in concurrencies
        for name in candidates
        if workload == "append" or name in READING
    }
    number = 0
    for round_number in range(arguments.rounds):
        for workload, concurrency in peers_page.settings(results):
            names = [name for name in candidates if (workload, concurrency, name) in results]
            for name in turns(names, round_number):
                number += 1
                rate = candidates[name].measure(workload, concurrency, number)
                results[workload, concurrency, name].append(rate)
                print(f"  {workload} {concurrency:>3} {name}: {rate:,.0f}/s", file=sys.stderr)
        print(f"round {round_number + 1} of {arguments.rounds} done", file=sys.stderr)
    return results


def versions(bench, candidates):
    found = {name: candidate.version for name, candidate in candidates.items()}
    found["PostgreSQL"] = run([bench.server.bin / "postgres", "--version"]).split()[2]
    if "emmett" in found:
        found["Node.js"] = run(["node", "--version"]).strip().removeprefix("v")
    return found


def machine_text(found, arguments, loads):
    processor = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    named = ", ".join(f"{name} {version}" for name, version in found.items() if name != "message-db-categories")
    text = (
        f"{named}. {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; {os.cpu_count()} cores of"
        f" {processor[1] if processor else platform.machine()}, Linux {platform.release()}. {arguments.rounds} rounds of"
        f" {arguments.seconds} s.\nThe load average was {loads[0]:.2f} at the start (what else the machine had to do) and"
        f" {loads[1]:.2f} at the end.\n"
    )
    if loads[0] > os.cpu_count() / 2:
        text += "\n**The machine was busy with other work**: these numbers are provisional.\n"
    return text


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=Path, default=SOURCE / "build" / "release", help="the build folder (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement (%(default)s)")
    parser.add_argument("--candidate", choices=CANDIDATES, action="append", help="only this one; can be repeated")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value of every round there")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    return arguments


def main():
    arguments = parse_arguments()
    names = [name for name in CANDIDATES if not arguments.candidate or name in arguments.candidate]
    loads = [os.getloadavg()[0]]
    bench = Bench(arguments)
    bench.folder.mkdir(parents=True, exist_ok=True)
    bench.generate()
    if names != ["event-store"]:
        bench.install_packages()

    with contextlib.ExitStack() as stack:
        bench.server = Server(bench.folder)
        stack.callback(bench.server.stop)
        candidates = {name: bench.candidate(name) for name in names}
        for candidate in candidates.values():
            candidate.prepare()
        bench.server.run(bench.server.bin / "vacuumdb", "--all", "--analyze", "--quiet")
        results = measure_all(candidates, arguments)
        found = versions(bench, candidates)
    loads.append(os.getloadavg()[0])

    options = {"streams": STREAMS, "seconds": arguments.seconds, "rounds": arguments.rounds}
    page = peers_page.page(results, machine_text(found, arguments, loads), options)
    print(peers_page.targets_table(results))
    print(peers_page.rates_table(results), end="")
    if arguments.markdown:
        arguments.markdown.write_text(page, encoding="utf-8")
    if arguments.json:
        rows = [
            {"workload": workload, "concurrency": concurrency, "candidate": candidate, "rates": values}
            for (workload, concurrency, candidate), values in results.items()
        ]
        arguments.json.write_text(json.dumps({"versions": found, "results": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
