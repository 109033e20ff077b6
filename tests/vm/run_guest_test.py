#!/usr/bin/env python3
"""netstall run --guest: a run in a kernel of its own comes back as if run here, and
the host's settings stay as they are. Skipped (77) where guests cannot be booted."""
import os
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["NETSTALL_SOURCE_DIR"], "tests/program"))
from harness import load, repetitions, run, scenario, start, wait_until  # noqa: E402

KERNEL = "6.12"
TCP_MEM = "/proc/sys/net/ipv4/tcp_mem"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class RunInGuest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.report = os.path.join(self.folder.name, "report.json")

    def run_guest(self, *arguments, kernel=KERNEL, **options):
        return run("run", self.path, "--guest", kernel, "-o", self.report, *arguments, timeout=500, **options)

    def left_in_tmp(self):
        return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("netstall-guest-")]

    def test_comes_back_as_if_run_here(self):
        # Host-wide, with no leave, and lower than the host would let it; one
        # expectation is missed. Delay is what this kernel may lack.
        self.path = scenario(
            self.folder.name,
            lab={"link": {"delay": "5ms"}},
            sysctl={"window": {"net.ipv4.tcp_mem": "100 200 300"}},
            expect=[{"metric": "goodput", "at_most": "1B/s"}, {"metric": "stall.time", "at_least": "1ms"}],
        )
        before, left = read(TCP_MEM), self.left_in_tmp()
        finished = self.run_guest()
        if finished.returncode == 4:
            print("skipped:", finished.stderr)
            os._exit(77)
        self.assertEqual(finished.returncode, 1, finished.stderr)
        self.assertEqual(read(TCP_MEM), before)
        self.assertEqual(self.left_in_tmp(), left)
        report = load(self.report)
        (repetition,) = repetitions(report)
        self.assertEqual(repetition["status"], "ok", repetition["reason"])
        self.assertTrue(repetition["restored"])
        self.assertTrue(report["environment"]["kernel"]["release"].startswith(KERNEL))
        self.assertEqual(
            report["environment"]["run"]["guest"], f"Linux {KERNEL}, emulated by QEMU on Linux {os.uname().release}"
        )
        self.assertTrue(report["command"].endswith(f"--guest {KERNEL}"), report["command"])
        self.assertNotIn("--allow-host-sysctl", report["command"])
        # The summary is this netstall's, without the guest's prefix; its progress has it.
        self.assertIn(f"Report: {self.report}", finished.stdout)
        self.assertIn("MISS", finished.stdout)
        self.assertNotIn(f"[{KERNEL}]", finished.stdout)
        self.assertIn(f"[{KERNEL}] test: 1 repetition of 1 cell,", finished.stderr)

    def test_what_a_guest_cannot_do(self):
        self.path = scenario(self.folder.name)
        for arguments, kernel, status, sentence in (
            ((), "2.4", 4, "there are"),
            ((), "newest", 2, "no version of a kernel"),
            (("--resume",), KERNEL, 2, "--cell"),
            (("--page", "x.html"), KERNEL, 2, "netstall report"),
        ):
            with self.subTest(kernel=kernel, arguments=arguments):
                finished = self.run_guest(*arguments, kernel=kernel)
                self.assertEqual(finished.returncode, status, finished.stderr)
                self.assertIn(sentence, finished.stderr)
                self.assertFalse(os.path.exists(self.report))

    def test_an_interrupt_ends_the_guest_and_leaves_nothing(self):
        self.path = scenario(self.folder.name)
        left = self.left_in_tmp()
        running = start("run", self.path, "--guest", KERNEL, "-o", self.report)
        wait_until(lambda: self.left_in_tmp() == left, 20, "no folder for the guest")
        # bash, then Python: the one child that there is.
        wait_until(lambda: not self.children_of(running.pid), 20, "no vm.sh")
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(30), 130)
        self.assertEqual(self.left_in_tmp(), left)
        self.assertFalse(os.path.exists(self.report))

    @staticmethod
    def children_of(pid):
        return read(f"/proc/{pid}/task/{pid}/children").split()

    def test_without_qemu_its_package_is_named(self):
        self.path = scenario(self.folder.name)
        bare = os.path.join(self.folder.name, "bin")
        os.mkdir(bare)
        for program in ("bash", "dirname", "realpath", "uname", "id"):
            os.symlink(os.path.realpath(f"/usr/bin/{program}"), os.path.join(bare, program))
        finished = self.run_guest(env={"PATH": bare})
        self.assertEqual(finished.returncode, 4, finished.stderr)
        self.assertIn("install qemu-system-x86", finished.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: guests need root")
        sys.exit(77)
    unittest.main(verbosity=2)
