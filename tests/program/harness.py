"""What the whole-program tests share: running netstall as a user would, and
looking at the machine for what it may have left, by ways of its own."""

import ctypes
import errno
import glob
import json
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

NETSTALL = os.environ["NETSTALL"]
SOURCE = os.environ["NETSTALL_SOURCE_DIR"]


def run(*arguments, timeout=120, env=None, **options):
    """Runs netstall; returns the finished process with text output."""
    return subprocess.run(
        [NETSTALL, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        **options,
    )


# By a seccomp filter: system calls of x86-64 that a test takes away for real.
SYSTEM_CALLS = {"bpf": 321, "perf_event_open": 298, "unshare": 272, "io_uring_setup": 425}


def emulated():
    """Whether this is a guest whose CPU QEMU emulates: slow, and standing still at times."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return "QEMU TCG" in file.read()


def kernel():
    """Its version, as (6, 12)."""
    return tuple(int(number) for number in os.uname().release.split(".")[:2])


def can_refuse_system_calls():
    return platform.machine() == "x86_64" and os.geteuid() == 0


def why_no_io_uring():
    """Why this machine lets no worker make a ring; None where it does."""
    try:
        with open("/proc/sys/kernel/io_uring_disabled", encoding="utf-8") as file:
            if file.read().strip() != "0":
                return "kernel.io_uring_disabled"
    except OSError:
        pass  # before Linux 6.6
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(425, 1, ctypes.create_string_buffer(120))
    if ring < 0:
        return f"io_uring_setup: {os.strerror(ctypes.get_errno())}"
    os.close(ring)
    return None


def refusing(name, error=errno.EPERM):
    """A preexec_fn: the program and all that it starts get `error` from the call."""
    load_number, jump_if_equal, give = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | error
    steps = [
        (load_number, 0, 0, 0),
        (jump_if_equal, 0, 1, SYSTEM_CALLS[name]),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        pr_set_seccomp, filter_mode = 22, 2
        if libc.prctl(pr_set_seccomp, filter_mode, program, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")
        apply.code = code  # it must live until here

    return apply


def start(*arguments, env=None, **options):
    """Starts netstall and does not wait; its output goes nowhere, unless said otherwise."""
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [NETSTALL, *arguments], env={**os.environ, **(env or {})}, **{**nowhere, **options}
    )


def wait_until(condition, seconds, what):
    """Polls a condition; fails with what was found last when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if not found:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} after {seconds} s: {found}")
        time.sleep(0.005)


def scenario(folder, **changes):
    """Writes a small scenario, changed at the top level, and returns its path."""
    document = {
        "schema": 1,
        "name": "test",
        "why": "Made by a test.",
        "flows": [
            {
                "name": "slow",
                "connections": 4,
                "sender": "server",
                "io": "blocking",
                "payload": {"fixed": "16KiB"},
                "reader": {"rate": "400kB/s", "chunk": "4KiB"},
                "socket": {"sndbuf": "32KiB", "rcvbuf": "32KiB"},
            }
        ],
        "timing": {"ramp": "50ms", "warmup": "200ms", "measure": "500ms", "repetitions": 1},
    }
    document.update(changes)
    document = {key: value for key, value in document.items() if value is not None}
    path = os.path.join(folder, "scenario.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
    return path


def load(path):
    """Reads JSON; a report is held against its schema first."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    if str(document.get("schema", "")).startswith("netstall/report/"):
        checked = subprocess.run(
            [
                sys.executable,
                os.path.join(SOURCE, "tests/schema/check_schema.py"),
                os.path.join(SOURCE, "results/report.schema.json"),
                path,
            ],
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    return document


def repetitions(report):
    return [r for cell in report["cells"] for r in cell["repetitions"]]


def kill_with_guardian(running):
    """The controller and its guardian at once: one that still ran would see the other go."""
    (guardian,) = children(running.pid, "netstall-guardian")
    running.send_signal(signal.SIGSTOP)
    os.kill(guardian, signal.SIGKILL)
    running.kill()
    running.wait(20)


def children(parent, name):
    """The process numbers of a process's children that run under this name."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        pid = path.split("/")[2]
        try:
            with open(path, "rb") as file:
                command = file.read().split(b"\0")[0].decode(errors="replace")
            if command == name and _parent(pid) == str(parent):
                found.append(int(pid))
        except OSError:
            continue
    return found


def _parent(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[1]


def _processes():
    """Workers and guardians whose controller is gone. Those of another run that is
    going on beside the test have theirs: the same program is their parent."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        pid = path.split("/")[2]
        try:
            with open(path, "rb") as file:
                name = file.read().split(b"\0")[0].decode(errors="replace")
            if not name.startswith("netstall-"):
                continue
            if os.path.samefile(f"/proc/{pid}/exe", f"/proc/{_parent(pid)}/exe"):
                continue
        except OSError:
            continue
        found.append(f"process {pid} {name}")
    return found


def _of_a_living_run(path):
    """A run's folders are named TIME-PID-HASH: those of another run that is going on
    beside the test are no leftovers."""
    pid = re.search(r"\d{8}T\d{6}-(\d+)-[0-9a-f]{8}", path)
    return pid is not None and os.path.exists(f"/proc/{pid[1]}")


def _links():
    shown = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return [line.split(":")[1].strip() for line in shown.splitlines()]


def _sysctls():
    """The host's own settings of the network, as text."""
    values = {}
    for path in glob.glob("/proc/sys/net/**/*", recursive=True):
        if not os.path.isfile(path) or "/route/flush" in path:
            continue
        try:
            with open(path, encoding="utf-8") as file:
                values[path] = file.read()
        except OSError:
            continue
    return values


def _namespaces():
    """Network namespaces that the kernel holds, dying ones included; -1 unknown."""
    try:
        with open("/proc/slabinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("net_namespace "):
                    return int(line.split()[1])
    except OSError:
        pass
    return -1


def _holdings():
    """What a run makes on the machine, whoever made it."""
    found = _processes()
    found += [f"link {name}" for name in _links()]
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory"):
        # A run's own begin with its time; others are of somebody else's making.
        found += [f"cgroup {p}" for p in glob.glob(f"{root}/**/netstall-[0-9]*", recursive=True)]
    found += [f"journal {p}" for p in glob.glob("/run/netstall/*/")]
    return set(found)


class Machine:
    """A look at the machine before; leftovers() says what is there now and was not."""

    def __init__(self):
        self.sysctls = _sysctls()
        self.before = _holdings()

    def leftovers(self):
        found = _holdings() - self.before
        return sorted(name for name in found if not _of_a_living_run(name))

    def changed_sysctls(self):
        now = _sysctls()
        return [p for p, value in self.sysctls.items() if now.get(p, value) != value]

    def assert_clean(self, seconds=10):
        wait_until(self.leftovers, seconds, "left behind")
        changed = self.changed_sysctls()
        assert not changed, f"changed on the host: {changed}"


def said(done):
    """All that a program said, in one line: where it breaks its lines is not asked."""
    return " ".join((done.stderr + done.stdout).split())


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        self.addCleanup(self._folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder, name)


class RunCase(Case):
    """A test of runs: each leaves the machine as it was."""

    def setUp(self):
        super().setUp()
        self.machine = Machine()
        self.out = self.path("report.json")

    def tearDown(self):
        self.machine.assert_clean()


def main(needs_root=False):
    if needs_root and os.geteuid() != 0:
        print("SKIP: needs root")
        sys.exit(77)
    unittest.main(verbosity=2)
