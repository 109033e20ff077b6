"""A lab held by netstall-stage, for the scripts that compare: programs of others are
started in its namespaces, netstall's own workers by the stage itself."""

import json
import os
import pathlib
import select
import signal
import subprocess
import time


class Failed(Exception):
    """What a program said when it did not do its part."""


class Stage:
    """Use it as a context; needs root."""

    def __init__(self, program, sysctls=()):
        """Each of `sysctls` is a NAME=VALUE of both namespaces."""
        self.process = subprocess.Popen([program, *sysctls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.places = self.answer(60)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the lab."""
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, patience):
        """The next line, which must come within so many seconds."""
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise Failed(f"netstall-stage gave no answer within {patience} s" if not ready else "netstall-stage ended")
        return json.loads(line)

    def ask(self, line, patience):
        self.tell(line)
        return self.answer(patience)

    def address(self, side):
        return self.places[side]["address"]

    def command(self, side, command):
        """That runs `command` in a side's namespace."""
        return ["nsenter", f"--net={self.places[side]['netns']}", *command]

    def listening(self, port):
        """Whether the server's namespace has a TCP listener on the port."""
        output = subprocess.run(self.command("server", ["ss", "-Htln", f"sport = :{port}"]),
                                check=True, capture_output=True, text=True).stdout
        return bool(output.strip())

    def with_server(self, server, port, client, patience):
        """Output of `client`, run in the client's namespace while `server` listens there."""
        with subprocess.Popen(self.command("server", server), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, start_new_session=True) as serving:
            try:
                deadline = time.monotonic() + 20
                while not self.listening(port):
                    if serving.poll() is not None:
                        raise Failed(f"{server[0]}: {serving.stderr.read().strip() or 'it ended'}")
                    if time.monotonic() > deadline:
                        raise Failed(f"{server[0]} does not listen on port {port}")
                done = subprocess.run(self.command("client", client), capture_output=True, text=True,
                                      timeout=patience, check=False)
                if done.returncode != 0:
                    raise Failed(f"{' '.join(client)}: {done.stderr.strip() or done.stdout.strip()}")
                return done.stdout
            finally:
                if serving.poll() is None:
                    os.killpg(serving.pid, signal.SIGKILL)


def write_figures(out, document):
    """As JSON, making the folder where there is none."""
    out = pathlib.Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
