"""What the tests of `projection` share."""

import json
import signal
import subprocess

import support
from support import DONE

COUNT = "event-type-count"
ACTIVITY = "stream-activity"
FIELDS = ["projection", "state", "position", "lag", "lag_seconds", "failures", "version", "workers", "head", "events",
          "stored_at", "owner", "failure", "rebuild"]  # fmt: skip


class ProjectionEndToEnd(support.EndToEnd):
    def run_once(self, *names, **options):
        return self.object("projection", "run", *(names or [COUNT]), "--once", **options)["projections"]

    def counts(self):
        documents = self.list("projection", "inspect", COUNT)
        return {document["key"]: document["document"]["count"] for document in documents}

    def status(self, name=COUNT):
        """None: it has not run."""
        result = subprocess.run(self.command("projection", "status", name), capture_output=True, check=False)
        return json.loads(result.stdout) if result.returncode == DONE else None

    def wait_until(self, is_so, name=COUNT):
        """Returns the first status that another process sees for which that holds."""
        for _ in range(1000):
            status = self.status(name)
            if status and is_so(status):
                return status
        self.fail(f"never came to that: {self.status(name)}")

    def wait_for_position(self, position, name=COUNT):
        return self.wait_until(lambda status: status["position"] >= position, name)

    def start_run(self, *arguments):
        return self.start("projection", "run", *(arguments or [COUNT]))

    def end(self, process, exit_code=DONE):
        """Interrupts it. Returns what it printed."""
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=support.SECONDS_MAX)
        self.assertEqual(process.returncode, exit_code, complaint.decode())
        return json.loads(said)
