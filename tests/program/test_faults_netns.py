"""What a run meets on machines that fail: a disk under the undo journal that does not take it, a
/proc/sys that cannot be written, a link that somebody removes. It is said, with the right
status, and nothing is left."""

import errno
import os
import signal
import subprocess

import harness

# Fails the call of that number, and all after it, that syncs a file below /run/netstall.
FAILING_SYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fdatasync(int fd) {
  static int calls;
  char link[64], path[PATH_MAX] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, path, sizeof path - 1) > 0 && !strncmp(path, "/run/netstall/", 14) &&
      calls++ >= atoi(getenv("FAILING_SYNC_FROM"))) {
    errno = atoi(getenv("FAILING_SYNC_ERRNO"));
    return -1;
  }
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""


class Faults(harness.RunCase):
    def failing_sync(self):
        source, library = self.path("failing_sync.c"), self.path("failing_sync.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write(FAILING_SYNC)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        return library

    def run_with_sync_failing(self, library, number, fails_from):
        """Settings of namespaces are not journalled; a memory limit's cgroup and the machine's are."""
        path = harness.scenario(
            self.folder,
            sysctl={"host": {"net.core.netdev_budget": 299}, "window": {"net.core.netdev_budget_usecs": 8100}},
            timing={"ramp": "10ms", "warmup": "10ms", "measure": "50ms", "repetitions": 1},
        )
        return harness.run("run", path, "-o", self.out, "--allow-host-sysctl", env={
            "LD_PRELOAD": library,
            "FAILING_SYNC_FROM": str(fails_from),
            "FAILING_SYNC_ERRNO": str(number),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
        })

    def test_an_undo_journal_that_is_not_kept_changes_nothing(self):
        library = self.failing_sync()
        for number in (errno.EIO, errno.ENOSPC):
            for fails_from in range(20):
                done = self.run_with_sync_failing(library, number, fails_from)
                self.machine.assert_clean()
                if done.returncode == 0:
                    break
                self.assertEqual(done.returncode, 5, done.stderr)
                self.assertIn(os.strerror(number), harness.said(done))
                self.assertIn("undo journal", harness.said(done))
            # Once where it begins, once before the settings are written.
            self.assertGreaterEqual(fails_from, 2)
            self.assertLess(fails_from, 19)

    def test_settings_that_cannot_be_written(self):
        path = harness.scenario(self.folder, sysctl={"server": {"net.ipv4.tcp_wmem": "4096 16384 4194304"}})
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", 'mount -o bind,ro /proc/sys /proc/sys && exec "$@"', "sh",
             harness.NETSTALL, "run", path, "-o", self.out],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("net.ipv4.tcp_wmem", done.stderr)
        self.assertIn("/proc/sys is mounted read-only", done.stderr)

    def test_a_link_that_somebody_removes_fails_the_repetition(self):
        timing = {"ramp": "50ms", "warmup": "100ms", "measure": "1s", "repetitions": 2}
        running = harness.start("run", harness.scenario(self.folder, timing=timing), "-o", self.out)
        self.addCleanup(running.kill)
        link = ["ip", "link", "del", "netstall0"]

        def not_removed():
            workers = harness.children(running.pid, "netstall-worker")
            return not workers or subprocess.run(["nsenter", "-t", str(workers[0]), "-n", *link],
                                                 capture_output=True).returncode != 0

        harness.wait_until(not_removed, 20, "no link")
        self.assertEqual(running.wait(60), 5)
        first, second = sorted(harness.repetitions(harness.load(self.out)), key=lambda one: one["order"])
        self.assertEqual(first["status"], "failed")
        self.assertTrue(first["reason"])  # the link itself, or in set-up its address
        self.assertEqual(second["status"], "ok")

    def test_a_controller_that_waits_for_the_machine_can_be_interrupted(self):
        timing = {"ramp": "50ms", "warmup": "100ms", "measure": "4s", "repetitions": 1}
        path = harness.scenario(self.folder, sysctl={"host": {"net.core.netdev_budget": 299}}, timing=timing)
        first = harness.start("run", path, "-o", self.out, "--allow-host-sysctl")
        self.addCleanup(first.kill)
        harness.wait_until(lambda: not harness.children(first.pid, "netstall-worker"), 20, "no worker")
        second = harness.start("run", path, "-o", self.path("second.json"), "--allow-host-sysctl",
                               stderr=subprocess.PIPE, text=True)
        self.addCleanup(second.kill)

        def not_waiting():
            opened = (os.path.join(f"/proc/{second.pid}/fd", fd) for fd in os.listdir(f"/proc/{second.pid}/fd"))
            return not any(os.path.realpath(path).startswith("/run/netstall/host_sysctl") for path in opened)

        harness.wait_until(not_waiting, 20, "does not wait")
        self.assertEqual(harness.children(second.pid, "netstall-worker"), [])
        second.send_signal(signal.SIGINT)
        said = second.communicate(timeout=20)[1]
        self.assertIn(second.returncode, (130, -signal.SIGINT), said)
        self.assertEqual(first.wait(60), 0)
        self.assertEqual(harness.load(self.out)["cells"][0]["repetitions"][0]["status"], "ok")


if __name__ == "__main__":
    harness.main(needs_root=True)
